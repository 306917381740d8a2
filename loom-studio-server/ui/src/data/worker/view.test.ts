import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseFilter } from '../condition';
import { Outcome } from '../outcome';
import { Columns } from './columns';
import { compileFilter } from './match';
import { View } from './view';

interface NaiveRow {
  seq: number;
  type: string;
  source: string;
  target: string;
  session: string;
  outcome: number;
  preview: string | null;
  gapTo: number;
}

const CAPACITY = 40;
const PREVIEWS = 15;
const TYPES = ['node.request', 'node.response', 'agent.thought', 'Agent.Error'];
const NODES = ['/node/a', '/node/b', '/node/crew/master', '/user/sdk'];

type Naive = (row: NaiveRow, hasPreview: boolean) => boolean;

interface Condition {
  text: string;
  holds: Naive;
}

/** The values of a field, written down from the language's description rather than from the code. */
function naiveValues(field: string, row: NaiveRow): string[] {
  const outcome = row.outcome === Outcome.Ok ? ['ok'] : row.outcome === Outcome.Error ? ['error'] : [];
  const all: Record<string, string[]> = { type: [row.type], session: [row.session], from: [row.source], to: [row.target], node: [row.source, row.target], outcome };
  return (all[field] ?? []).filter((value) => value !== '');
}

const textTests = fc
  .record({
    field: fc.constantFrom('type', 'session', 'from', 'to', 'node', 'outcome'),
    op: fc.constantFrom('=', '!=', 'in', 'exists', 'contains', 'prefix'),
    pick: fc.nat({ max: 20 }),
  })
  .map(({ field, op, pick }): Condition => {
    const pools: Record<string, string[]> = { type: TYPES, session: ['s1', 's2', 'S1'], outcome: ['ok', 'error'] };
    const pool = pools[field] ?? NODES;
    const value = pool[pick % pool.length] ?? '';
    const other = pool[(pick + 1) % pool.length] ?? '';
    const values = (row: NaiveRow): string[] => naiveValues(field, row);
    if (op === 'exists') return { text: `exists ${field}`, holds: (row) => values(row).length > 0 };
    if (op === '!=') return { text: `${field} != ${value}`, holds: (row) => values(row).length > 0 && values(row).every((found) => found !== value) };
    if (op === 'in') return { text: `${field} in (${value}, "${other}")`, holds: (row) => values(row).some((found) => found === value || found === other) };
    if (op === 'contains' && field !== 'outcome') {
      const part = value.slice(1, 5).toUpperCase();
      return { text: `${field} contains "${part}"`, holds: (row) => values(row).some((found) => found.toUpperCase().includes(part)) };
    }
    if (op === 'prefix' && field !== 'outcome') {
      return { text: `${field} = ${value.slice(0, 6)}*`, holds: (row) => values(row).some((found) => found.startsWith(value.slice(0, 6))) };
    }
    return { text: `${field} = ${value}`, holds: (row) => values(row).includes(value) };
  });
const numberTests = fc
  .record({ field: fc.constantFrom('seq', 'time'), op: fc.constantFrom('=', '!=', '<', '<=', '>', '>='), bound: fc.integer({ min: 0, max: 80 }) })
  .map(({ field, op, bound }): Condition => {
    const compare: Record<string, (a: number, b: number) => boolean> = {
      '=': (a, b) => a === b, '!=': (a, b) => a !== b, '<': (a, b) => a < b, '<=': (a, b) => a <= b, '>': (a, b) => a > b, '>=': (a, b) => a >= b,
    };
    const text = field === 'seq' ? String(bound) : `0.${String(bound * 10).padStart(6, '0')}`;
    // Rows are ten microseconds apart, from the first at 10.
    return { text: `${field} ${op} ${text}`, holds: (row) => compare[op]?.(row.seq, bound) === true };
  });
const conditions: fc.Arbitrary<Condition> = fc.letrec<{ any: Condition }>((tie) => ({
  any: fc.oneof(
    { maxDepth: 3 },
    textTests,
    numberTests,
    tie('any').map(({ text, holds }): Condition => ({ text: `not (${text})`, holds: (row, preview) => !holds(row, preview) })),
    fc.tuple(tie('any'), tie('any')).map(([a, b]): Condition => ({ text: `(${a.text}) and (${b.text})`, holds: (row, preview) => a.holds(row, preview) && b.holds(row, preview) })),
    fc.tuple(tie('any'), tie('any')).map(([a, b]): Condition => ({ text: `(${a.text}) or (${b.text})`, holds: (row, preview) => a.holds(row, preview) || b.holds(row, preview) })),
  ),
})).any;
const words = fc.subarray(['AGENT', 'hello', 'crew', 's1'], { minLength: 1 }).map((wanted): Condition => ({
  text: wanted.join(' '),
  holds: (row, hasPreview) =>
    wanted.every((word) => [row.type, row.source, row.target, row.session, hasPreview ? (row.preview ?? '') : ''].some((value) => value.toLowerCase().includes(word.toLowerCase()))),
}));
const everything: Condition = { text: '', holds: () => true };
const filters = fc.oneof({ weight: 1, arbitrary: fc.constant(everything) }, { weight: 4, arbitrary: conditions }, { weight: 2, arbitrary: words });

type Step =
  | { do: 'rows'; rows: Omit<NaiveRow, 'seq' | 'gapTo'>[] }
  | { do: 'gap'; size: number }
  | { do: 'filter'; filter: Condition }
  | { do: 'pause'; back: number | null };

const rows = fc.record({
  type: fc.constantFrom(...TYPES),
  source: fc.constantFrom(...NODES),
  target: fc.constantFrom('', ...NODES),
  session: fc.constantFrom('s1', 's2'),
  outcome: fc.constantFrom(Outcome.None, Outcome.Ok, Outcome.Error),
  preview: fc.constantFrom(null, '{"say":"Hello"}', '{}'),
});
const steps: fc.Arbitrary<Step> = fc.oneof(
  { weight: 5, arbitrary: fc.record({ do: fc.constant('rows' as const), rows: fc.array(rows, { maxLength: 25 }) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('gap' as const), size: fc.integer({ min: 1, max: 9 }) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('filter' as const), filter: filters }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('pause' as const), back: fc.option(fc.nat({ max: 30 }), { nil: null }) }) },
);

describe('columns, filter and view', () => {
  it('show what a plain list of rows would', () => {
    fc.assert(
      fc.property(fc.array(steps, { maxLength: 30 }), (script) => {
        const columns = new Columns(CAPACITY, PREVIEWS);
        const view = new View(columns);
        /** Every row ever, with whether it matched when it was looked at. */
        const all: (NaiveRow & { shown: boolean })[] = [];
        let filter = everything;
        let limit: number | null = null;
        let nextSeq = 1;
        let looked = 0;
        const hasPreview = (index: number): boolean => index >= Math.max(0, all.length - PREVIEWS);
        const look = (): void => {
          for (; looked < all.length; looked += 1) {
            const row = all[looked];
            if (row === undefined || (limit !== null && row.seq > limit)) break;
            row.shown = row.outcome === Outcome.Gap || filter.holds(row, hasPreview(looked));
          }
        };
        const restart = (): void => {
          looked = Math.max(0, all.length - CAPACITY);
          for (const row of all) row.shown = false;
          look();
        };
        for (const step of script) {
          if (step.do === 'rows') {
            for (const row of step.rows) {
              all.push({ ...row, seq: nextSeq, gapTo: 0, shown: false });
              const { strings } = columns;
              columns.push(
                {
                  seq: nextSeq,
                  timeUs: nextSeq * 10,
                  type: strings.intern(row.type),
                  source: strings.intern(row.source),
                  target: strings.intern(row.target),
                  session: strings.intern(row.session),
                  outcome: row.outcome,
                  bytes: nextSeq,
                  call: 0,
                },
                row.preview,
              );
              nextSeq += 1;
            }
          } else if (step.do === 'gap') {
            all.push({ seq: nextSeq, gapTo: nextSeq + step.size - 1, type: '', source: '', target: '', session: '', outcome: Outcome.Gap, preview: null, shown: false });
            columns.pushGap(nextSeq, nextSeq + step.size - 1, 'lagging');
            nextSeq += step.size;
          } else if (step.do === 'filter') {
            filter = step.filter;
            const parsed = parseFilter(filter.text);
            expect(parsed.kind, filter.text).not.toBe('server');
            view.setMatcher(compileFilter(columns, parsed));
            restart();
          } else {
            const next: number | null = step.back === null ? null : Math.max(0, nextSeq - step.back);
            const shrinks = next !== null && (limit === null || next < limit);
            limit = next;
            view.setLimit(limit);
            if (shrinks && filter.text !== '') restart();
          }
          view.advance();
          look();
          const within = limit;
          const expected = all
            .slice(Math.max(0, all.length - CAPACITY))
            .filter((row) => row.shown || filter.text === '')
            .filter((row) => within === null || row.seq <= within);
          const shown = Array.from({ length: view.end - view.first }, (_, i) => view.rowAt(view.first + i));
          expect(shown.map((row) => columns.seq(row))).toEqual(expected.map((row) => row.seq));
          expect(shown.map((row) => columns.strings.get(columns.source(row)))).toEqual(expected.map((row) => row.source));
          expect(shown.map((row) => columns.gapTo(row))).toEqual(expected.map((row) => row.gapTo));
          expect(view.gaps).toBe(expected.filter((row) => row.gapTo > 0).length);
          for (const [index, row] of expected.entries()) expect(view.ordinalOf(row.seq)).toBe(view.first + index);
        }
        const kept = all.slice(Math.max(0, all.length - CAPACITY));
        expect(columns.end - columns.first).toBe(kept.length);
        expect(columns.gaps).toBe(kept.filter((row) => row.gapTo > 0).length);
        for (let row = columns.first; row < columns.end; row += 1) {
          expect(columns.preview(row)).toBe(hasPreview(row) ? (all[row]?.preview ?? null) : null);
        }
      }),
      { numRuns: 300 },
    );
  });

  it('keep naming the same row by its ordinal while the oldest are dropped', () => {
    const columns = new Columns(10_000, 100);
    const view = new View(columns);
    const odd = columns.strings.intern('odd');
    let seq = 0;
    const push = (count: number): void => {
      for (let i = 0; i < count; i += 1) {
        seq += 1;
        columns.push({ seq, timeUs: seq, type: seq % 2 === 1 ? odd : 0, source: 0, target: 0, session: 0, outcome: 0, bytes: 0, call: 0 }, null);
      }
      view.advance();
    };
    view.setMatcher(compileFilter(columns, parseFilter('type = odd')));
    for (let round = 0; round < 40; round += 1) {
      push(1000);
      expect(view.end).toBe(seq / 2);
      expect(view.first).toBe(Math.max(0, seq - 10_000) / 2);
      for (let ordinal = view.first; ordinal < view.end; ordinal += 97) expect(columns.seq(view.rowAt(ordinal))).toBe(ordinal * 2 + 1);
    }
  });

  it('keep every row while they grow past their first allocation, and drop the oldest when full', () => {
    const columns = new Columns(50_000, 100);
    for (let seq = 1; seq <= 120_000; seq += 1) {
      columns.push({ seq, timeUs: seq * 2, type: 0, source: 0, target: 0, session: 0, outcome: 0, bytes: seq % 97, call: 0 }, null);
    }
    expect([columns.first, columns.end]).toEqual([70_000, 120_000]);
    for (let row = columns.first; row < columns.end; row += 1) {
      if (columns.seq(row) !== row + 1 || columns.timeUs(row) !== (row + 1) * 2 || columns.bytes(row) !== (row + 1) % 97) {
        throw new Error(`row ${String(row)} is wrong`);
      }
    }
    expect(columns.lowerBound(90_000)).toBe(89_999);
  });
});
