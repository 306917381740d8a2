import { describe, expect, it } from 'vitest';
import type { FromWorker, StatusMessage, ToWorker, ViewMessage } from '../messages';
import type { Socket } from './connection';
import { DataServer } from './server';

function setUp() {
  const posted: FromWorker[] = [];
  const timers: (() => void)[] = [];
  let socket: Socket | null = null;
  const server = new DataServer({
    open: () => {
      socket = { onmessage: null, onclose: null, send: () => undefined, close: () => undefined };
      return socket;
    },
    later: (run) => {
      timers.push(run);
      return () => undefined;
    },
    random: () => 0,
    now: () => 0,
    post: (message) => posted.push(message),
    fetch: () => Promise.reject(new Error('asked the server')),
  });
  const say = (frame: object): void => {
    socket?.onmessage?.({ data: JSON.stringify(frame) });
  };
  const run = (): void => {
    for (const timer of timers.splice(0)) timer();
  };
  const send = (message: ToWorker): void => {
    server.receive(message);
  };
  const last = <T extends FromWorker['type']>(type: T): Extract<FromWorker, { type: T }> => {
    const found = posted.findLast((message) => message.type === type);
    if (found === undefined) throw new Error(`no ${type} was posted`);
    return found as Extract<FromWorker, { type: T }>;
  };
  const rows = (from: number, to: number): void => {
    const seq = Array.from({ length: to - from + 1 }, (_, i) => from + i);
    say({
      type: 'events', sub: 1, through_seq: to, dict: from === 1 ? ['even', 'odd', '/node/a', 's'] : [], n: seq.length,
      cols: { seq, time_us: seq, type: seq.map((n) => n % 2), source: seq.map(() => 2), target: seq.map(() => -1), session: seq.map(() => 3), outcome: seq.map(() => 0), bytes: seq, preview: seq.map(String) },
    });
  };
  send({ type: 'start', url: 'ws://x', pausedAt: null, epoch: null });
  say({ type: 'hello', protocol: 'loom-studio.v1', server: 's', epoch: 'a1', first_seq: 1, head_seq: 0, now_us: 0 });
  return { posted, send, say, run, last, rows };
}

const seqs = ({ seq }: ViewMessage): number[] => [...seq];

describe('DataServer', () => {
  it('has one view on its way at a time, and sends the newest when it was taken', () => {
    const { posted, send, run, last, rows } = setUp();
    send({ type: 'window', first: 'tail', count: 3 });
    rows(1, 10);
    run();
    rows(11, 20);
    run();
    expect(posted.filter(({ type }) => type === 'view')).toHaveLength(1);
    expect(seqs(last('view'))).toEqual([8, 9, 10]);
    send({ type: 'taken' });
    run();
    expect(seqs(last('view'))).toEqual([18, 19, 20]);
  });

  it('answers with the filtered rows of a window, the pause and the status', () => {
    const { send, run, last, rows } = setUp();
    rows(1, 20);
    send({ type: 'filter', id: 7, filter: { text: 'type = odd', run: null, range: null, session: null } });
    send({ type: 'pause', seq: 11 });
    send({ type: 'window', first: 1, count: 3 });
    run();
    const view = last('view');
    expect([view.filterId, view.first, view.end, view.offset, view.pending]).toEqual([7, 0, 6, 1, 9]);
    expect(seqs(view)).toEqual([3, 5, 7]);
    expect(view.preview).toEqual(['3', '5', '7']);
    const status: StatusMessage = last('status');
    expect([status.phase, status.epoch, status.held, status.headSeq, status.heldFirstSeq]).toEqual(['live', 'a1', 20, 20, 1]);
  });

  it('steps within what is shown', () => {
    const { send, last, rows } = setUp();
    rows(1, 20);
    send({ type: 'filter', id: 1, filter: { text: 'type = odd', run: null, range: null, session: null } });
    const step = (seq: number | null, delta: number): number | null => {
      send({ type: 'step', id: 1, seq, delta });
      return last('stepped').seq;
    };
    expect([step(null, 1), step(null, -Infinity), step(7, 1), step(7, -1), step(8, 1), step(8, -1), step(19, 5), step(3, -Infinity), step(3, Infinity)]).toEqual([19, 1, 9, 5, 9, 7, 19, 1, 19]);
    send({ type: 'filter', id: 2, filter: { text: 'type = none', run: null, range: null, session: null } });
    expect(step(null, 1)).toBeNull();
  });

  it('counts facets', () => {
    const { send, last, rows } = setUp();
    rows(1, 5);
    send({ type: 'facets', id: 3 });
    expect(last('facets')).toEqual({
      type: 'facets',
      id: 3,
      types: [{ value: 'odd', count: 3 }, { value: 'even', count: 2 }],
      nodes: [{ value: '/node/a', count: 5 }],
      sessions: [{ value: 's', count: 5 }],
    });
  });
});
