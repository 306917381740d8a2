import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { layOut, seededRandom } from './layout';

const random = Math.random;
beforeEach(() => {
  Math.random = seededRandom(1);
});
afterEach(() => {
  Math.random = random;
});

const ring = (count: number) => Array.from({ length: count }, (_, i) => ({ from: `n${String(i)}`, to: `n${String((i + 1) % count)}` }));
const nodes = (count: number) => Array.from({ length: count }, (_, i) => ({ id: `n${String(i)}`, x: 0, y: 0, fixed: false }));

describe('layOut', () => {
  it('gives each node a place of its own, the same each time', () => {
    const request = { nodes: nodes(20), edges: [...ring(18), { from: 'n0', to: 'n0' }] };
    const { positions } = layOut(request);
    expect(positions).toHaveLength(20);
    for (const [i, a] of positions.entries()) {
      expect(Number.isFinite(a.x) && Number.isFinite(a.y)).toBe(true);
      for (const b of positions.slice(i + 1)) expect(Math.hypot(a.x - b.x, a.y - b.y)).toBeGreaterThan(20);
    }
    Math.random = seededRandom(1);
    expect(layOut(request).positions).toEqual(positions);
  });

  it('leaves fixed nodes exactly where they are', () => {
    const standing = [
      { id: 'n0', x: 10, y: 20, fixed: true },
      { id: 'n1', x: 300, y: -40, fixed: true },
      { id: 'n2', x: 150, y: 260, fixed: true },
    ];
    const { positions } = layOut({
      nodes: [...standing, { id: 'new', x: 151, y: 80, fixed: false }],
      edges: [...ring(3), { from: 'n0', to: 'new' }, { from: 'new', to: 'n1' }],
    });
    for (const { id, x, y } of standing) expect(positions.find((position) => position.id === id)).toEqual({ id, x, y });
    const added = positions.find(({ id }) => id === 'new');
    expect(Math.hypot((added?.x ?? Infinity) - 150, (added?.y ?? Infinity) - 80)).toBeLessThan(500);
  });
});
