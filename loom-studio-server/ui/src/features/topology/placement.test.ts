import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { placeNew, SPACING, type Point } from './placement';

const ids = Array.from({ length: 14 }, (_, i) => `n${String(i)}`);
const links = fc.array(fc.record({ from: fc.constantFrom(...ids), to: fc.constantFrom(...ids) }), { maxLength: 30 });
const coordinate = fc.integer({ min: -600, max: 600 });
const placed = fc.dictionary(fc.constantFrom(...ids), fc.record({ x: coordinate, y: coordinate })).map((all) => new Map<string, Point>(Object.entries(all)));

describe('placeNew', () => {
  it('places each new node, apart from all others, and changes none that stands', () => {
    fc.assert(
      fc.property(links, placed, (edges, standing) => {
        const before = structuredClone(standing);
        const added = placeNew(ids, edges, standing);
        expect(standing).toEqual(before);
        expect([...added.keys()].sort()).toEqual(ids.filter((id) => !standing.has(id)).sort());
        const spots = [...added.values()];
        spots.forEach((spot, i) => {
          for (const other of [...standing.values(), ...spots.slice(i + 1)]) {
            expect(Math.hypot(spot.x - other.x, spot.y - other.y)).toBeGreaterThanOrEqual(SPACING - 1e-6);
          }
        });
      }),
    );
  });

  it('puts a node near the middle of its neighbours', () => {
    const standing = new Map([
      ['a', { x: -400, y: 0 }],
      ['b', { x: 400, y: 0 }],
      ['c', { x: 0, y: 900 }],
    ]);
    const spot = placeNew(['new'], [{ from: 'a', to: 'new' }, { from: 'new', to: 'b' }], standing).get('new');
    expect(spot).toEqual({ x: 0, y: 0 });
  });
});
