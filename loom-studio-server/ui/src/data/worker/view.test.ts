import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { matchesPattern, parseFilter, type Filter, type FilterTerm } from '../filter';
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
const FILTERS = [
  '',
  'type:node.*',
  'type:agent.thought type:node.request',
  'node:a',
  'from:a to:b',
  '-node:a',
  'error',
  '-error session:s1',
  'AGENT',
  'hello',
  '-hello node:*crew*',
  'hello error type:node.*',
];

function naiveTerm(term: FilterTerm, row: NaiveRow, hasPreview: boolean): boolean {
  switch (term.kind) {
    case 'error':
      return row.outcome === Outcome.Error;
    case 'text':
      return [row.type, row.source, row.target, row.session, hasPreview ? (row.preview ?? '') : ''].some((value) =>
        value.toLowerCase().includes(term.text.toLowerCase()),
      );
    case 'type':
      return matchesPattern(term.pattern, row.type);
    case 'session':
      return matchesPattern(term.pattern, row.session);
    case 'from':
      return matchesPattern(term.pattern, row.source);
    case 'to':
      return row.target !== '' && matchesPattern(term.pattern, row.target);
    case 'node':
      return matchesPattern(term.pattern, row.source) || (row.target !== '' && matchesPattern(term.pattern, row.target));
  }
}

function naiveMatch(filter: Filter, row: NaiveRow, hasPreview: boolean): boolean {
  if (row.outcome === Outcome.Gap) return true;
  const test = (term: FilterTerm): boolean => naiveTerm(term, row, hasPreview) !== term.negate;
  const isAlternative = (term: FilterTerm): boolean => !term.negate && term.kind !== 'text' && term.kind !== 'error';
  const groups = ['type', 'session', 'from', 'to', 'node'].map((kind) => filter.terms.filter((term) => isAlternative(term) && term.kind === kind));
  return filter.terms.filter((term) => !isAlternative(term)).every(test) && groups.every((group) => group.length === 0 || group.some(test));
}

type Step =
  | { do: 'rows'; rows: Omit<NaiveRow, 'seq' | 'gapTo'>[] }
  | { do: 'gap'; size: number }
  | { do: 'filter'; text: string }
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
  { weight: 2, arbitrary: fc.record({ do: fc.constant('filter' as const), text: fc.constantFrom(...FILTERS) }) },
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
        let filter = parseFilter('');
        let limit: number | null = null;
        let nextSeq = 1;
        let looked = 0;
        const hasPreview = (index: number): boolean => index >= Math.max(0, all.length - PREVIEWS);
        const look = (): void => {
          for (; looked < all.length; looked += 1) {
            const row = all[looked];
            if (row === undefined || (limit !== null && row.seq > limit)) break;
            row.shown = naiveMatch(filter, row, hasPreview(looked));
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
            filter = parseFilter(step.text);
            view.setMatcher(compileFilter(columns, filter));
            restart();
          } else {
            const next: number | null = step.back === null ? null : Math.max(0, nextSeq - step.back);
            const shrinks = next !== null && (limit === null || next < limit);
            limit = next;
            view.setLimit(limit);
            if (shrinks && filter.terms.length > 0) restart();
          }
          view.advance();
          look();
          const within = limit;
          const expected = all
            .slice(Math.max(0, all.length - CAPACITY))
            .filter((row) => row.shown || filter.terms.length === 0)
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
    view.setMatcher(compileFilter(columns, parseFilter('type:odd')));
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
