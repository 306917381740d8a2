export interface Point {
  x: number;
  y: number;
}

export interface Link {
  from: string;
  to: string;
}

/** The least distance between two nodes. */
export const SPACING = 84;
const GOLDEN_ANGLE = Math.PI * (3 - Math.sqrt(5));

/** The free spot nearest to `wanted`, searched along a spiral. */
function freeSpot(wanted: Point, taken: Iterable<Point>): Point {
  const points = [...taken];
  for (let i = 0; ; i += 1) {
    const radius = SPACING * 0.5 * Math.sqrt(i);
    const spot = { x: wanted.x + radius * Math.cos(i * GOLDEN_ANGLE), y: wanted.y + radius * Math.sin(i * GOLDEN_ANGLE) };
    // A whole disc of radius R holds O(R²) nodes, so the spiral leaves any finite crowd.
    if (points.every((point) => Math.hypot(point.x - spot.x, point.y - spot.y) >= SPACING)) return spot;
  }
}

/**
 * Positions for nodes that have none: each near the centroid of its placed neighbours, the best connected first; those
 * without a placed neighbour beside the graph. Positions that exist are never changed.
 */
export function placeNew(ids: readonly string[], links: readonly Link[], placed: ReadonlyMap<string, Point>): Map<string, Point> {
  const neighbours = new Map<string, Set<string>>(ids.map((id) => [id, new Set()]));
  for (const { from, to } of links) {
    if (from === to) continue;
    neighbours.get(from)?.add(to);
    neighbours.get(to)?.add(from);
  }
  const all = new Map(placed);
  const added = new Map<string, Point>();
  const waiting = new Set(ids.filter((id) => !placed.has(id)));
  while (waiting.size > 0) {
    let best: { id: string; known: Point[] } | null = null;
    for (const id of waiting) {
      const known = [...(neighbours.get(id) ?? [])].flatMap((other) => all.get(other) ?? []);
      if (best === null || known.length > best.known.length) best = { id, known };
    }
    if (best === null) break;
    const spot = freeSpot(best.known.length > 0 ? centroid(best.known) : beside(all), all.values());
    all.set(best.id, spot);
    added.set(best.id, spot);
    waiting.delete(best.id);
  }
  return added;
}

function centroid(points: readonly Point[]): Point {
  const sum = points.reduce((total, { x, y }) => ({ x: total.x + x, y: total.y + y }), { x: 0, y: 0 });
  return { x: sum.x / points.length, y: sum.y / points.length };
}

function beside(placed: ReadonlyMap<string, Point>): Point {
  if (placed.size === 0) return { x: 0, y: 0 };
  const points = [...placed.values()];
  return { x: Math.max(...points.map(({ x }) => x)) + SPACING, y: centroid(points).y };
}
