import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Call } from '../../data/runs';
import { callTree, childrenOf, matching, visibleRows } from './callTree';

const call = (parent: number | null, to: string): Call => ({ request: 0, from: 'a', to, start: '', status: 'ok', parent, duration_ms: 0, self_ms: 0 });

/** Calls each of which was made in an earlier one, or in none. */
const forests = fc
  .array(fc.record({ parent: fc.nat(), isRoot: fc.boolean(), to: fc.constantFrom('x', 'y', 'z') }), { maxLength: 40 })
  .map((items) => items.map(({ parent, isRoot, to }, index) => call(index === 0 || isRoot ? null : parent % index, to)));

const rootsOf = (calls: Call[]): number[] => calls.flatMap(({ parent }, index) => (parent === null ? [index] : []));

describe('call tree', () => {
  it('has the children that name a call as their parent, in order', () => {
    fc.assert(
      fc.property(forests, (calls) => {
        const tree = callTree(calls, rootsOf(calls));
        calls.forEach((_, index) => {
          expect([...childrenOf(tree, index)]).toEqual(calls.flatMap(({ parent }, child) => (parent === index ? [child] : [])));
        });
      }),
    );
  });

  it('shows what a walk from the roots finds that enters no closed call', () => {
    fc.assert(
      fc.property(forests, fc.uniqueArray(fc.nat(39)), (calls, closedList) => {
        const closed = new Set(closedList);
        const walk = (index: number, depth: number): [number, number][] => [
          [index, depth],
          ...(closed.has(index) ? [] : calls.flatMap(({ parent }, child) => (parent === index ? walk(child, depth + 1) : []))),
        ];
        const rows = visibleRows(callTree(calls, rootsOf(calls)), closed, null);
        expect(rows.map(({ call: index, depth }) => [index, depth])).toEqual(rootsOf(calls).flatMap((root) => walk(root, 0)));
      }),
    );
  });

  it('keeps matches and their ancestors when searched', () => {
    fc.assert(
      fc.property(forests, (calls) => {
        const tree = callTree(calls, rootsOf(calls));
        const kept = matching(tree, ({ to }) => to === 'x');
        const hasMatchBelow = (index: number): boolean => calls[index]?.to === 'x' || calls.some(({ parent }, child) => parent === index && hasMatchBelow(child));
        expect([...kept].sort((a, b) => a - b)).toEqual(calls.flatMap((_, index) => (hasMatchBelow(index) ? [index] : [])));
        expect(visibleRows(tree, new Set(calls.keys()), kept)).toHaveLength(kept.size);
      }),
    );
  });

  it('takes a chain of a hundred thousand calls', () => {
    const calls = Array.from({ length: 100_000 }, (_, index) => call(index === 0 ? null : index - 1, 'x'));
    const rows = visibleRows(callTree(calls, [0]), new Set(), null);
    expect(rows.at(-1)).toEqual({ call: 99_999, depth: 99_999, children: 0, open: true });
  });
});
