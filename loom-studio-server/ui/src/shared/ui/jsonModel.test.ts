import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ExactNumber } from '../lib/exactJson';
import { byteSize, foldedText } from './foldedText';
import { diffJson, type DiffNode } from './jsonDiff';
import { allRows, diffRows, jsonRows, revealed } from './jsonRows';
import { matchParts, searchTree } from './jsonSearch';

const NAMES = fc.constantFrom('a', 'b', 'Ab', '~', '/', '~1', '', 'x y', '0', '__proto__x');
const json = fc.letrec((tie) => ({
  value: fc.oneof(
    { maxDepth: 4, depthSize: 'small' },
    fc.constantFrom<unknown>(null, true, 0, 1, 'a', 'Ab', 'xaby', ''),
    fc.array(tie('value'), { maxLength: 5 }),
    fc.dictionary(NAMES, tie('value'), { maxKeys: 5, noNullPrototype: true }),
  ),
})).value;

/** Every value below the root, by its steps; written without regard to the rows. */
function leaves(value: unknown, steps: string[] = []): { steps: string[]; value: unknown }[] {
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([key, item]: [string, unknown]) => [{ steps: [...steps, key], value: item }, ...leaves(item, [...steps, key])]);
}

const pointer = (steps: string[]): string => steps.map((step) => `/${step.replaceAll('~', '~0').replaceAll('/', '~1')}`).join('');

describe('search', () => {
  it('finds what a walk over all values finds, in the same order', () => {
    fc.assert(
      fc.property(json, fc.constantFrom('a', 'AB', 'b', '0', '~', 'null', 'zz'), (value, query) => {
        const wanted = query.toLowerCase();
        const naive = leaves(value)
          .filter(({ steps, value: item }) => {
            const text = typeof item === 'object' && item !== null ? '' : String(item);
            return (steps.at(-1) ?? '').toLowerCase().includes(wanted) || text.toLowerCase().includes(wanted);
          })
          .map(({ steps }) => pointer(steps));
        const byPath = allRows(value, null).filter(({ path }) => path.toLowerCase() === wanted).map(({ id }) => id);
        expect(new Set(searchTree(value, null, query))).toEqual(new Set([...naive, ...byPath]));
        expect(searchTree(value, null, query).filter((id) => naive.includes(id))).toEqual(naive);
      }),
    );
  });

  it('opens what is around every match, in a tree and in a comparison', () => {
    fc.assert(
      fc.property(json, json, (before, after) => {
        for (const id of searchTree(after, null, 'a')) expect(jsonRows(after, revealed(new Map(), id), 0).map((row) => row.id)).toContain(id);
        const diff = diffJson(before, after);
        for (const id of searchTree(after, diff, 'a')) expect(diffRows(diff, revealed(new Map(), id)).map((row) => row.id)).toContain(id);
      }),
    );
  });

  it('cuts a text into parts that are the text', () => {
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom('a', 'B', 'b', 'İ', ' ') }), fc.string({ unit: fc.constantFrom('a', 'b') }), (text, query) => {
        const parts = matchParts(text, query);
        expect(parts.map((part) => part.text).join('')).toBe(text);
        for (const part of parts) if (part.isMatch) expect(part.text.toLowerCase()).toBe(query);
      }),
    );
  });
});

/** The value that a comparison was made of, put together from its nodes. */
function rebuilt(node: DiffNode, side: 'before' | 'after'): unknown {
  if (node.children === null) return node[side];
  const kept = node.children.filter(({ mark }) => mark !== (side === 'before' ? 'added' : 'removed'));
  if (Array.isArray(node[side])) return kept.map((child) => rebuilt(child, side));
  return Object.fromEntries(kept.map((child) => [child.label, rebuilt(child, side)]));
}

describe('comparison', () => {
  it('holds both values, and says of each that is unchanged that it is', () => {
    fc.assert(
      fc.property(json, json, (before, after) => {
        const diff = diffJson(before, after);
        expect(rebuilt(diff, 'before')).toEqual(before);
        expect(rebuilt(diff, 'after')).toEqual(after);
        const walk = (node: DiffNode): void => {
          if (node.mark === 'same') expect(node.after).toEqual(node.before);
          if (node.mark === 'changed' || node.mark === 'inside') expect(node.after).not.toEqual(node.before);
          node.children?.forEach(walk);
        };
        walk(diff);
        expect(diff.changes === 0).toBe(diff.mark === 'same');
      }),
    );
  });

  it('shows every change without anything being opened, and every row once', () => {
    fc.assert(
      fc.property(json, json, (before, after) => {
        const diff = diffJson(before, after);
        const rows = diffRows(diff, new Map());
        expect(new Set(rows.map(({ id }) => id)).size).toBe(rows.length);
        const shown = rows.filter(({ mark }) => mark === 'added' || mark === 'removed' || mark === 'changed').length;
        expect(shown).toBe(diff.mark === 'changed' ? 0 : diff.changes);
      }),
    );
  });

  it('compares numbers by the digits that were sent', () => {
    const diff = diffJson({ n: new ExactNumber('9007199254740993'), m: new ExactNumber('1e999') }, { n: new ExactNumber('9007199254740994'), m: new ExactNumber('1e999') });
    expect(diff.children?.map(({ mark }) => mark)).toEqual(['changed', 'same']);
  });
});

describe('a row of the tree', () => {
  it('has a name of its own and its place among its siblings', () => {
    fc.assert(
      fc.property(json, (value) => {
        const rows = allRows(value, null);
        expect(rows.map(({ id }) => id)).toEqual(leaves(value).map(({ steps }) => pointer(steps)));
        for (const row of rows) expect(row.position).toBeLessThanOrEqual(row.siblings);
      }),
    );
  });
});

describe('foldedText', () => {
  it.each([
    ['short', null],
    ['x'.repeat(201), { kind: 'text', start: 'x'.repeat(200) }],
    [`data:image/png;base64,${'QUJD'.repeat(40)}`, { kind: 'data', start: 'data:image/png;base64,', media: 'image/png', bytes: 120 }],
    ['aGVsbG8gd29ybGQ0'.repeat(20), { kind: 'base64', start: 'aGVsbG8gd29ybGQ0aGVsbG8g', media: null, bytes: 240 }],
    ['word word 1 Word '.repeat(9), null],
  ])('%s', (text, folded) => {
    expect(foldedText(text)).toEqual(folded);
  });

  it('says sizes as people read them', () => {
    expect([812, 12_345, 4_000_000].map(byteSize)).toEqual(['812 B', '12.3 kB', '4.0 MB']);
  });
});
