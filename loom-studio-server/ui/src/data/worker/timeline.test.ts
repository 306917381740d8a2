import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Outcome } from '../outcome';
import { onScreen, timeAxis } from '../timeAxis';
import { Columns } from './columns';
import { CALL_TIMEOUT_US, CallState, extent, timeline } from './timeline';

interface Item {
  seq: number;
  timeUs: number;
  source: number;
  target: number;
  outcome: number;
  call: number;
  isGap: boolean;
}

const NODES = 4;

/** Events of a few nodes, some of them calls with replies before or after them, some missing between. */
const logs = fc
  .array(
    fc.record({
      kind: fc.constantFrom('event', 'request', 'reply', 'gap'),
      source: fc.integer({ min: 1, max: NODES }),
      target: fc.integer({ min: 1, max: NODES }),
      timeUs: fc.integer({ min: 0, max: 3 * CALL_TIMEOUT_US }),
      isError: fc.boolean(),
      pick: fc.nat(),
    }),
    { minLength: 1, maxLength: 50 },
  )
  .map((specs) => {
    const items: Item[] = [];
    specs.forEach(({ kind, source, target, timeUs, isError, pick }, index) => {
      const seq = index + 1;
      const open = items.filter((item) => item.call === item.seq);
      const answered = open[pick % Math.max(1, open.length)];
      if (kind === 'reply' && answered !== undefined) {
        items.push({ seq, timeUs, source: answered.target, target: answered.source, outcome: isError ? Outcome.Error : Outcome.Ok, call: answered.seq, isGap: false });
        answered.call = seq;
      } else {
        items.push({ seq, timeUs, source, target, outcome: Outcome.None, call: kind === 'request' ? seq : 0, isGap: kind === 'gap' });
      }
    });
    return items;
  });

function columnsOf(items: Item[]): Columns {
  const columns = new Columns(1000, 10);
  for (let node = 1; node <= NODES; node += 1) columns.strings.intern(`/node/${String(node)}`);
  for (const { seq, timeUs, source, target, outcome, call, isGap } of items) {
    if (isGap) columns.pushGap(seq, seq, 'lagging');
    // As they arrive: a request doesn't know its reply yet.
    else columns.push({ seq, timeUs, type: 0, source, target, session: 0, outcome, bytes: 0, call: call > seq ? seq : call }, null);
  }
  return columns;
}

const windows = fc.record({ from: fc.double({ min: 0, max: 0.9, noNaN: true }), length: fc.double({ min: 0.01, max: 1, noNaN: true }), width: fc.integer({ min: 10, max: 300 }) });

describe('timeline', () => {
  it('puts each event into its pixel, and each call from its request to its reply', () => {
    fc.assert(
      fc.property(logs, windows, (all, { from, length, width }) => {
        const columns = columnsOf(all);
        const span = extent(columns);
        const axis = timeAxis(span.fromUs, span.toUs, span.gaps);
        const total = axis.to - axis.from;
        const pieces = onScreen(axis, from * total, (from + length) * total, width);
        const lanes = [2, 4, 1];
        const drawn = timeline(columns, { pieces, width, lanes, marksAtMost: 1000 });
        const xOf = (us: number): number => {
          const piece = pieces.find((one) => us >= one.fromUs && us <= one.toUs);
          if (piece === undefined) return us < (pieces[0]?.fromUs ?? 0) ? -1 : width + 1;
          return piece.x0 + ((us - piece.fromUs) / Math.max(1e-9, piece.toUs - piece.fromUs)) * (piece.x1 - piece.x0);
        };
        const held = all.filter(({ isGap }) => !isGap);
        const visible = held.filter(({ source, timeUs }) => lanes.includes(source) && xOf(timeUs) >= 0 && xOf(timeUs) <= width);
        expect(drawn.events.reduce((a, b) => a + b, 0)).toBe(visible.length);
        expect(drawn.errors.reduce((a, b) => a + b, 0)).toBe(visible.filter(({ outcome }) => outcome === Outcome.Error).length);
        expect([...(drawn.marks?.seq ?? [])].sort((a, b) => a - b)).toEqual(visible.map(({ seq }) => seq));
        const newest = Math.max(0, ...held.map(({ timeUs }) => timeUs), ...(all.some(({ isGap }) => isGap) ? [...columnsTimes(columns)] : []));
        const calls = held
          .filter(({ outcome, call, target }) => outcome === Outcome.None && call !== 0 && lanes.includes(target))
          .map((item) => {
            const reply = item.call === item.seq ? undefined : held.find(({ seq }) => seq === item.call);
            const isLost = newest - item.timeUs > CALL_TIMEOUT_US;
            const end = reply === undefined ? Math.min(newest, item.timeUs + CALL_TIMEOUT_US) : Math.max(item.timeUs, reply.timeUs);
            const state = reply === undefined ? (isLost ? CallState.Lost : CallState.Open) : reply.outcome === Outcome.Error ? CallState.Error : CallState.Ok;
            return { seq: item.seq, x0: xOf(item.timeUs), x1: xOf(end), state };
          })
          .filter(({ x0, x1 }) => x1 >= 0 && x0 <= width);
        const bars = drawn.bars;
        const states = new Map([...(bars?.seq ?? [])].map((seq, index) => [seq, bars?.state[index]]));
        expect(states).toEqual(new Map(calls.map(({ seq, state }) => [seq, state])));
        for (let lane = 0; lane < lanes.length; lane += 1) {
          for (const x of [0, Math.floor(width / 2), width - 1]) {
            const running = calls.filter((call) => held.find(({ seq }) => seq === call.seq)?.target === lanes[lane] && Math.floor(Math.max(0, call.x0)) <= x && Math.min(width - 1, Math.floor(call.x1)) >= x);
            expect(drawn.busy[lane * (width + 1) + x]).toBe(running.length);
          }
        }
      }),
      { numRuns: 300 },
    );
  });

  it('stacks calls that overlap', () => {
    fc.assert(
      fc.property(logs, (items) => {
        const columns = columnsOf(items);
        const { fromUs, toUs, gaps } = extent(columns);
        const axis = timeAxis(fromUs, toUs, gaps);
        const { bars } = timeline(columns, { pieces: onScreen(axis, axis.from, axis.to, 400), width: 400, lanes: [1, 2, 3, 4], marksAtMost: 1000 });
        const all = [...(bars?.seq ?? [])].map((_, i) => ({ lane: bars?.lane[i], depth: bars?.depth[i], x0: bars?.x0[i] ?? 0, x1: bars?.x1[i] ?? 0 }));
        all.forEach((a, i) => {
          all.forEach((b, j) => {
            if (i < j && a.lane === b.lane && a.depth === b.depth) expect(a.x1 <= b.x0 || b.x1 <= a.x0).toBe(true);
          });
        });
      }),
    );
  });

  it('tells density alone when there are too many', () => {
    const columns = new Columns(200_000, 10);
    const node = columns.strings.intern('/node/a');
    for (let seq = 1; seq <= 100_000; seq += 1) columns.push({ seq, timeUs: seq, type: 0, source: node, target: 0, session: 0, outcome: 0, bytes: 0, call: 0 }, null);
    const axis = timeAxis(1, 100_000, []);
    const drawn = timeline(columns, { pieces: onScreen(axis, 0, axis.to, 100), width: 100, lanes: [node], marksAtMost: 5000 });
    expect([drawn.marks, drawn.bars, drawn.shown]).toEqual([null, null, 100_000]);
    expect(drawn.events.every((count) => count >= 990 && count <= 1010)).toBe(true);
  });
});

function* columnsTimes(columns: Columns): Generator<number> {
  for (let row = columns.first; row < columns.end; row += 1) yield columns.timeUs(row);
}

describe('extent', () => {
  it('names lanes in the order in which they began, the first error, and long stretches without events', () => {
    const columns = new Columns(100, 10);
    const [a, b] = [columns.strings.intern('/node/a'), columns.strings.intern('/node/b')];
    const row = { type: 0, session: 0, bytes: 0 };
    columns.push({ ...row, seq: 1, timeUs: 5_000, source: b, target: a, outcome: Outcome.None, call: 1 }, null);
    columns.push({ ...row, seq: 2, timeUs: 9_000, source: a, target: b, outcome: Outcome.Error, call: 1 }, null);
    columns.push({ ...row, seq: 3, timeUs: 1_000_000, source: a, target: 0, outcome: Outcome.None, call: 0 }, null);
    const { fromUs, toUs, gaps, lanes, firstError } = extent(columns);
    expect([fromUs, toUs, firstError]).toEqual([5_000, 1_000_000, { seq: 2, timeUs: 9_000, node: a }]);
    expect(lanes).toEqual([
      { node: b, events: 1, errors: 0, calls: 0, firstUs: 5_000 },
      { node: a, events: 2, errors: 1, calls: 1, firstUs: 5_000 },
    ]);
    expect(gaps).toHaveLength(1);
    // The call from 5 to 9 ms is no gap.
    expect(gaps[0]?.fromUs).toBeGreaterThan(9_000);
    expect(gaps[0]?.toUs).toBeGreaterThan(990_000);
  });
});
