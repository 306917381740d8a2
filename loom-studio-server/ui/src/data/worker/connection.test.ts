import { describe, expect, it } from 'vitest';
import type { ClientFrame, EventsFrame } from '../protocol';
import { backoffMs } from './backoff';
import { Connection, FIRST_RECORDS, type Socket } from './connection';
import { Rate } from './rate';

const HELLO = { type: 'hello', protocol: 'loom-studio.v1', server: 'loom-studio/0.1.0', epoch: '00000000000000a1', first_seq: 1, head_seq: 4096, now_us: 1 };

function events(sub: number, seqs: number[], dict: string[] = [], change: Partial<EventsFrame> = {}): object {
  const all = (value: number): number[] => seqs.map(() => value);
  return {
    type: 'events',
    sub,
    through_seq: seqs.at(-1) ?? 0,
    dict,
    n: seqs.length,
    cols: { seq: seqs, time_us: seqs, type: all(0), source: all(1), target: all(-1), session: all(2), outcome: all(0), bytes: all(9), preview: seqs.map(String) },
    ...change,
  };
}

class FakeSocket implements Socket {
  onmessage: Socket['onmessage'] = null;
  onclose: Socket['onclose'] = null;
  sent: ClientFrame[] = [];
  send(text: string): void {
    this.sent.push(JSON.parse(text) as ClientFrame);
  }
  close(): void {
    this.onclose?.();
  }
  say(frame: object): void {
    this.onmessage?.({ data: JSON.stringify(frame) });
  }
}

function setUp(start: { pausedAt: number | null; epoch: string | null } = { pausedAt: null, epoch: null }) {
  const sockets: FakeSocket[] = [];
  const timers: { run: () => void; ms: number }[] = [];
  const resets: [string, string | null][] = [];
  const connection = new Connection('ws://127.0.0.1:1/ws/events', start, {
    open: () => {
      const socket = new FakeSocket();
      sockets.push(socket);
      return socket;
    },
    later: (run, ms) => {
      const timer = { run, ms };
      timers.push(timer);
      return () => timers.splice(timers.indexOf(timer), 1);
    },
    random: () => 0.5,
    now: () => 1_000,
    topology: () => undefined,
    reset: (epoch, previous) => resets.push([epoch, previous]),
    changed: () => undefined,
  });
  connection.connect();
  const socket = (): FakeSocket => {
    const last = sockets.at(-1);
    if (last === undefined) throw new Error('no socket was opened');
    return last;
  };
  const runTimers = (): void => {
    for (const timer of timers.splice(0)) timer.run();
  };
  return { connection, sockets, socket, timers, runTimers, resets };
}

const seqsOf = ({ ingest: { columns } }: Connection): number[] =>
  Array.from({ length: columns.end - columns.first }, (_, i) => columns.seq(columns.first + i));

describe('Connection', () => {
  it('subscribes after hello and acknowledges what it takes in', () => {
    const { connection, socket } = setUp();
    socket().say(HELLO);
    expect(socket().sent).toEqual([
      { type: 'subscribe', sub: 1, from: { last: FIRST_RECORDS }, preview: true, topology: true, window: 64 },
    ]);
    socket().say(events(1, [1, 2], ['node.request', '/node/a', 's']));
    expect(socket().sent.at(-1)).toEqual({ type: 'ack', sub: 1, through_seq: 2 });
    expect(seqsOf(connection)).toEqual([1, 2]);
    const { columns } = connection.ingest;
    expect([columns.type(0), columns.source(0), columns.target(0), columns.session(0)].map((id) => columns.strings.get(id))).toEqual(['node.request', '/node/a', '', 's']);
    expect(connection.phase).toBe('live');
  });

  it('resumes after what it has, with a new dictionary', () => {
    const { connection, socket, runTimers } = setUp();
    socket().say(HELLO);
    socket().say(events(1, [1, 2], ['a', 'b', 'c'], { through_seq: 7 }));
    socket().close();
    expect(connection.phase).toBe('reconnecting');
    expect(connection.retryAt).toBe(1_000 + 375);
    runTimers();
    socket().say(HELLO);
    expect(socket().sent[0]).toMatchObject({ sub: 2, from: { after_seq: 7, epoch: HELLO.epoch } });
    socket().say(events(2, [8], ['z', 'b', 'c']));
    expect(seqsOf(connection)).toEqual([1, 2, 8]);
    expect(connection.ingest.columns.strings.get(connection.ingest.columns.type(2))).toBe('z');
  });

  it('starts over when the store is another one', () => {
    const { connection, socket, runTimers, resets } = setUp();
    socket().say(HELLO);
    socket().say(events(1, [1, 2], ['a', 'b', 'c']));
    socket().close();
    runTimers();
    socket().say({ ...HELLO, epoch: '00000000000000b2', head_seq: 0 });
    expect(seqsOf(connection)).toEqual([]);
    expect(socket().sent[0]).toMatchObject({ from: { last: FIRST_RECORDS } });
    expect(resets).toEqual([
      ['00000000000000a1', null],
      ['00000000000000b2', '00000000000000a1'],
    ]);
  });

  it('asks anew when the store changes between hello and subscribe', () => {
    const { socket, sockets, runTimers } = setUp();
    socket().say(HELLO);
    socket().say({ type: 'error', sub: 1, code: 'epoch_mismatch', detail: 'the store is another one' });
    runTimers();
    expect(sockets).toHaveLength(2);
  });

  it('ignores frames of a replaced subscription and of unknown types', () => {
    const { connection, socket } = setUp();
    socket().say(HELLO);
    socket().say(events(9, [5], ['a', 'b', 'c']));
    socket().say({ type: 'replay', session_id: 'r-1' });
    socket().onmessage?.({ data: 'not json' });
    expect(seqsOf(connection)).toEqual([]);
  });

  it('loads what a paused view shows', () => {
    const { socket } = setUp({ pausedAt: 300_000, epoch: HELLO.epoch });
    socket().say({ ...HELLO, head_seq: 900_000 });
    expect(socket().sent[0]).toMatchObject({ from: { after_seq: 200_000, epoch: HELLO.epoch } });
  });

  it('shows lag and gaps, and drops records it already has', () => {
    const { connection, socket } = setUp();
    socket().say(HELLO);
    socket().say(events(1, [1, 2], ['a', 'b', 'c']));
    socket().say({ type: 'counters', sub: 1, head_seq: 20_042, skipped: 20_000 });
    expect([connection.phase, connection.ingest.skipped, connection.ingest.headSeq]).toEqual(['lagging', 20_000, 20_042]);
    socket().say({ type: 'gap', sub: 1, from_seq: 3, to_seq: 20_042, reason: 'lagging' });
    expect([connection.phase, connection.ingest.skipped]).toEqual(['live', 0]);
    socket().say(events(1, [20_042, 20_043]));
    expect(seqsOf(connection)).toEqual([1, 2, 3, 20_043]);
    expect(connection.ingest.columns.gapTo(2)).toBe(20_042);
    expect(connection.ingest.throughSeq).toBe(20_043);
  });

  it('calls itself offline after several failed attempts, and retries at once when asked', () => {
    const { connection, sockets, socket, runTimers, timers } = setUp();
    for (let i = 0; i < 4; i += 1) {
      socket().close();
      if (i < 3) runTimers();
    }
    expect(connection.phase).toBe('offline');
    expect(timers).toHaveLength(1);
    connection.connect();
    expect(timers).toHaveLength(0);
    expect(sockets).toHaveLength(5);
  });
});

describe('backoffMs', () => {
  it('doubles up to fifteen seconds and keeps at least half', () => {
    expect([0, 1, 2, 3, 4, 5, 60].map((attempt) => backoffMs(attempt, () => 1))).toEqual([500, 1000, 2000, 4000, 8000, 15_000, 15_000]);
    expect(backoffMs(60, () => 0)).toBe(7500);
  });
});

describe('Rate', () => {
  it('is per second over the last two, and falls to zero', () => {
    const rate = new Rate();
    expect(rate.at(0, 0)).toBe(0);
    expect(rate.at(1000, 500)).toBe(500);
    expect(rate.at(2000, 1000)).toBe(500);
    expect(rate.at(4000, 1000)).toBe(0);
    expect(rate.at(4500, 10)).toBe(0);
  });
});
