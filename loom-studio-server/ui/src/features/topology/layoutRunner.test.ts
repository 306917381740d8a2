import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { LAYOUT_DEADLINE_MS, LayoutRunner, type LayoutPort } from './layoutRunner';

const REQUEST = { nodes: [], edges: [] };
const ANSWER = { positions: [{ id: 'a', x: 1, y: 2 }] };

class FakePort implements LayoutPort {
  onmessage: LayoutPort['onmessage'] = null;
  onerror: LayoutPort['onerror'] = null;
  asked: number[] = [];
  terminated = false;
  postMessage({ id }: { id: number }): void {
    this.asked.push(id);
  }
  terminate(): void {
    this.terminated = true;
  }
  answer(id: number): void {
    this.onmessage?.({ data: { id, answer: ANSWER } } as MessageEvent<{ id: number; answer: typeof ANSWER }>);
  }
}

function setUp() {
  const ports: FakePort[] = [];
  const runner = new LayoutRunner(() => {
    const port = new FakePort();
    ports.push(port);
    return port;
  });
  return { runner, ports };
}

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

describe('LayoutRunner', () => {
  it('answers, and keeps its worker for the next run', async () => {
    const { runner, ports } = setUp();
    const first = runner.run(REQUEST);
    ports[0]?.answer(1);
    expect(await first).toEqual({ done: ANSWER });
    const second = runner.run(REQUEST);
    ports[0]?.answer(2);
    expect(await second).toEqual({ done: ANSWER });
    expect(ports).toHaveLength(1);
  });

  it('cancels the run that a new one replaces', async () => {
    const { runner, ports } = setUp();
    const first = runner.run(REQUEST);
    const second = runner.run(REQUEST);
    expect(await first).toEqual({ cancelled: true });
    expect(ports[0]?.terminated).toBe(true);
    ports[1]?.answer(2);
    expect(await second).toEqual({ done: ANSWER });
  });

  it('gives up at the deadline', async () => {
    const { runner, ports } = setUp();
    const run = runner.run(REQUEST);
    vi.advanceTimersByTime(LAYOUT_DEADLINE_MS);
    expect(await run).toEqual({ late: true });
    expect(ports[0]?.terminated).toBe(true);
  });
});
