import type { TopologyFrame } from './protocol';
import type { TopologyEdge, TopologyNode } from './types';

/** An edge has no id of its own; node ids can't hold a line break. */
export function edgeKey(from: string, to: string): string {
  return `${from}\n${to}`;
}

/** A topology to look at: nodes by id, edges by `edgeKey`. */
export interface Topology {
  nodes: ReadonlyMap<string, TopologyNode>;
  edges: ReadonlyMap<string, TopologyEdge>;
}

/** The topology as the frames so far give it. */
export class TopologyModel {
  readonly nodes = new Map<string, TopologyNode>();
  readonly edges = new Map<string, TopologyEdge>();
  atSeq = 0;

  apply(frame: Pick<TopologyFrame, 'at_seq' | 'reset' | 'nodes' | 'edges' | 'removed_nodes' | 'removed_edges'>): void {
    if (frame.reset) this.clear();
    for (const [from, to] of frame.removed_edges) this.edges.delete(edgeKey(from, to));
    for (const id of frame.removed_nodes) this.nodes.delete(id);
    for (const node of frame.nodes) this.nodes.set(node.id, node);
    for (const edge of frame.edges) this.edges.set(edgeKey(edge.from, edge.to), edge);
    this.atSeq = frame.at_seq;
  }

  clear(): void {
    this.nodes.clear();
    this.edges.clear();
    this.atSeq = 0;
  }
}
