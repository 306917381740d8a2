import type { TopologyEdge, TopologyNode } from '../../data/types';
import { edgeKey, type Topology } from '../../data/topology';

/** Edges drawn at most; beyond it the rarely used ones are left to the table. */
export const EDGES_DRAWN = 500;

export interface Drawn {
  nodes: Map<string, TopologyNode>;
  edges: Map<string, TopologyEdge>;
  hiddenEdges: number;
}

/** What of a topology is drawn: all nodes, and the most used edges between nodes that exist. */
export function drawnPart({ nodes, edges }: Topology): Drawn {
  let kept = [...edges.values()].filter(({ from, to }) => nodes.has(from) && nodes.has(to));
  const hiddenEdges = Math.max(0, kept.length - EDGES_DRAWN);
  if (hiddenEdges > 0) {
    kept = kept
      .sort((a, b) => b.count - a.count || (edgeKey(a.from, a.to) < edgeKey(b.from, b.to) ? -1 : 1))
      .slice(0, EDGES_DRAWN);
  }
  return { nodes: new Map(nodes), edges: new Map(kept.map((edge) => [edgeKey(edge.from, edge.to), edge])), hiddenEdges };
}

export interface Changes<T> {
  added: T[];
  changed: T[];
  removed: string[];
}

/** What leads from one map to another. Values are compared by identity: a frame brings a new object for what changed. */
export function changes<T>(before: ReadonlyMap<string, T>, after: ReadonlyMap<string, T>): Changes<T> {
  const result: Changes<T> = { added: [], changed: [], removed: [] };
  for (const [id, value] of after) {
    const old = before.get(id);
    if (old === undefined) result.added.push(value);
    else if (old !== value) result.changed.push(value);
  }
  for (const id of before.keys()) if (!after.has(id)) result.removed.push(id);
  return result;
}

/** Line width for a number of messages: 1 px for one, 7 px from some ten thousands on. */
export function edgeWidth(count: number): number {
  return Math.min(7, 1 + 0.42 * Math.log2(Math.max(1, count)));
}

/** One failed call of thousands isn't news; a tenth of them is. */
const FAILING_SHARE = 0.1;

export function edgeState({ open, errors, count }: Pick<TopologyEdge, 'open' | 'errors' | 'count'>): 'open' | 'failed' | '' {
  if (open > 0) return 'open';
  return errors > 0 && errors >= count * FAILING_SHARE ? 'failed' : '';
}
