import { describe, expect, it } from 'vitest';
import { asCondition } from '../condition';
import type { ViewMessage } from '../messages';
import { Columns } from './columns';
import { Log } from './log';
import { PAGE_ROWS, type Fetched } from './pages';

/** A server with the events `first`…`head`, which are `odd` or `even`; answers as `GET /api/events` does. */
function setUp({ first = 1, held = [1, 20], head = held[1] }: { first?: number; held?: [number, number]; head?: number } = {}) {
  const columns = new Columns(1_000_000, 10);
  const source = columns.strings.intern('/node/a');
  const push = (from: number, to: number): void => {
    for (let seq = from; seq <= to; seq += 1) {
      columns.push({ seq, timeUs: seq, type: columns.strings.intern(seq % 2 === 1 ? 'odd' : 'even'), source, target: 0, session: 0, outcome: 0, bytes: 1, call: 0 }, null);
    }
  };
  if (held[1] >= held[0]) push(...held);
  const ends = { firstSeq: first, headSeq: head };
  const asked: URLSearchParams[] = [];
  const timers: (() => void)[] = [];
  let refused: unknown = null;
  const fetch = (path: string): Promise<Fetched> => {
    const url = new URL(path, 'http://x');
    asked.push(url.searchParams);
    if (refused !== null) return Promise.resolve({ ok: false, body: refused });
    const number = (name: string, otherwise: number): number => Number(url.searchParams.get(name) ?? otherwise);
    const passes = (seq: number): boolean => !(url.searchParams.get('where') ?? '').includes('odd') || seq % 2 === 1;
    const matches: number[] = [];
    for (let seq = Math.min(ends.headSeq, number('up_to', Infinity), number('to_seq', Infinity)); seq >= Math.max(first, number('from_seq', 0)); seq -= 1) if (passes(seq)) matches.push(seq);
    if (url.pathname.endsWith('first')) return Promise.resolve({ ok: true, body: { event: matches.length > 0 ? {} : null, complete: true, scanned_through: ends.headSeq } });
    const from = number('cursor', 0);
    const page = matches.slice(from, from + PAGE_ROWS);
    const all = <T>(value: T): T[] => page.map(() => value);
    return Promise.resolve({
      ok: true,
      body: {
        columns: {
          dict: ['odd', 'even', '/node/a'], n: page.length,
          cols: { seq: page, time_us: page, type: page.map((seq) => 1 - (seq % 2)), source: all(2), target: all(-1), session: all(2), outcome: all(0), bytes: all(1), preview: all('{}') },
        },
        total: matches.length, total_is: 'exact', scanned: 40,
        next_cursor: from + PAGE_ROWS < matches.length ? String(from + PAGE_ROWS) : null,
      },
    });
  };
  const log = new Log(columns, 'w', () => ends, {
    fetch,
    later: (run) => {
      timers.push(run);
      return () => {
        timers.splice(timers.indexOf(run), 1);
      };
    },
    changed: () => undefined,
  });
  const settle = async (): Promise<void> => {
    for (const timer of timers.splice(0)) timer();
    await new Promise((resolve) => setTimeout(resolve, 0));
  };
  const filter = async (text: string, run: number | null = null, range: { fromUs: number; toUs: number } | null = null, session: string | null = null): Promise<void> => {
    log.setFilter({ text, run, range, session });
    await settle();
  };
  const all = (): ViewMessage => log.window(1, { first: 'tail', count: 1_000_000 });
  const seqs = (): number[] => [...all().seq];
  return { columns, log, ends, asked, push, settle, filter, all, seqs, refuse: (body: unknown) => { refused = body; } };
}

const range = (from: number, to: number, step = 1): number[] => Array.from({ length: Math.floor((to - from) / step) + 1 }, (_, i) => from + i * step);

describe('the log', () => {
  it('tests what it holds itself, and asks the server for the rest', async () => {
    const { asked, filter, all, seqs } = setUp();
    await filter('type = odd and seq > 9');
    expect([asked.length, seqs()]).toEqual([0, [11, 13, 15, 17, 19]]);
    await filter('data.kind = odd');
    expect(seqs()).toEqual(range(1, 19, 2));
    expect(Object.fromEntries(asked[0] ?? [])).toEqual({ format: 'columns', order: '-seq', limit: '500', where: 'data.kind = odd', up_to: '20', workspace: 'w' });
    expect(all()).toMatchObject({ isServers: true, isLoading: false, looked: 40, total: 10, isExact: true, older: null, preview: range(1, 19, 2).map(() => '{}') });
    await filter('');
    expect([all().isServers, seqs().length]).toEqual([false, 20]);
  });

  it('narrows to times and a session by itself, and to a run by the server', async () => {
    const { asked, filter, seqs } = setUp();
    await filter('type = odd', null, { fromUs: 4, toUs: 9 });
    expect([asked.length, seqs()]).toEqual([0, [5, 7, 9]]);
    await filter('', null, null, 's2');
    expect([asked.length, seqs()]).toEqual([0, []]);
    await filter('', 3, { fromUs: 4, toUs: 1_000_009 }, 's1');
    expect(Object.fromEntries(asked[0] ?? [])).toMatchObject({ run_id: '3', session_id: 's1', start_time: '0.000004', end_time: '1.000009' });
  });

  it('keeps what was shown while a condition is wrong', async () => {
    const { filter, refuse, seqs, all } = setUp();
    await filter('type = odd');
    refuse({ code: 'invalid_condition', detail: 'x', position: 6 });
    await filter('type = ');
    expect(seqs()).toEqual(range(1, 19, 2));
    expect(all()).toMatchObject({ isApplied: false, problem: { code: 'invalid_condition', detail: 'x', position: 6 } });
    refuse(null);
    await filter('seq < 3');
    expect([seqs(), all().problem, all().isApplied]).toEqual([[1, 2], null, true]);
  });

  it('takes words for the beginning of a condition until they have stood a while', async () => {
    const { log, filter, refuse, seqs } = setUp();
    log.setFilter({ text: 'odd', run: null, range: null, session: null });
    expect(seqs()).toHaveLength(20);
    await filter('odd');
    expect(seqs()).toEqual(range(1, 19, 2));
    refuse({ code: 'invalid_condition', detail: 'x', position: 5 });
    await filter('odd = ');
    expect(seqs()).toHaveLength(20);
  });

  it('asks for older pages, names its rows as before, and takes in what comes', async () => {
    const { log, ends, settle, filter, all, seqs } = setUp({ held: [1, 2000] });
    await filter('data.kind = odd');
    expect(all()).toMatchObject({ first: 0, end: 500, total: 1000, older: { from: 1, to: 1000 } });
    log.older();
    await settle();
    expect(all()).toMatchObject({ first: -500, end: 500, older: null });
    expect(seqs()).toEqual(range(1, 1999, 2));
    ends.headSeq = 2003;
    log.advance();
    await settle();
    expect(seqs()).toEqual(range(1, 2003, 2));
    expect(all().end).toBe(502);
  });

  it('asks anew when more came than a page', async () => {
    const { log, ends, settle, filter, seqs } = setUp({ held: [1, 20] });
    await filter('data.kind = odd');
    ends.headSeq = 5001;
    log.advance();
    await settle();
    await settle();
    expect(seqs()).toEqual(range(4003, 5001, 2));
  });

  it('shows the answer as of the playhead', async () => {
    const { log, settle, filter, seqs } = setUp({ held: [1, 2000] });
    await filter('data.kind = odd');
    log.setLimit(1500);
    expect(seqs().at(-1)).toBe(1499);
    log.setLimit(40);
    await settle();
    expect(seqs()).toEqual(range(1, 39, 2));
    log.setLimit(null);
    await settle();
    await settle();
    expect(seqs().at(-1)).toBe(1999);
  });

  it('puts older rows before those held, with their filter', async () => {
    const { log, asked, settle, filter, seqs, all } = setUp({ held: [701, 720], head: 720 });
    expect(all().older).toEqual({ from: 1, to: 700 });
    log.older();
    await settle();
    expect(seqs()).toEqual(range(201, 720));
    expect(all()).toMatchObject({ first: -500, loaded: 500, older: { from: 1, to: 200 } });
    log.older();
    await settle();
    expect([seqs(), all().older]).toEqual([range(1, 720), null]);
    await filter('type = odd');
    log.older();
    await settle();
    expect(asked.at(-1)?.get('where')).toBe(asCondition('type = odd'));
    expect(seqs()).toEqual([...range(1, 699, 2), ...range(701, 719, 2)]);
  });

  it('fills a gap in its place, a page at a time, and says when it is full', async () => {
    const { columns, push, log, settle, all, seqs } = setUp({ held: [1, 10], head: 720 });
    columns.pushGap(11, 700, 'lagging');
    push(701, 720);
    expect(seqs()).toEqual([...range(1, 10), 11, ...range(701, 720)]);
    log.fill(11, 700);
    await settle();
    expect(seqs()).toEqual([...range(1, 10), 11, ...range(201, 720)]);
    expect([all().kind[10], all().gapTo[10]]).toEqual(['lagging', 200]);
    log.fill(11, 700);
    await settle();
    expect(seqs()).toEqual([...range(1, 10), 11, ...range(11, 720)]);
    expect([all().kind[10], all().gapTo[10]]).toEqual(['filled', 700]);
  });

  it('stands still where the server does not answer, and can be asked again', async () => {
    const { log, settle, refuse, all, seqs } = setUp({ held: [701, 720], head: 720 });
    refuse({ code: 'unreachable', detail: 'gone' });
    log.older();
    await settle();
    expect(all()).toMatchObject({ problem: { code: 'unreachable', detail: 'gone', position: null }, isLoading: false, older: { from: 1, to: 700 } });
    refuse(null);
    log.older();
    await settle();
    expect([seqs().length, all().problem]).toEqual([520, null]);
  });
});
