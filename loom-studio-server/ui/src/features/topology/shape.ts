import { edgeKey, type Topology } from '../../data/topology';
import type { TopologyEdge, TopologyNode } from '../../data/types';

/** Whether an edge carries calls, and not only the replies to those of its opposite. */
export function isCall({ latency_ms, open, errors, blocked }: TopologyEdge): boolean {
  return latency_ms !== null || open > 0 || errors > 0 || blocked > 0;
}

/** A graph shows who calls whom; replies go back along the same line and would only double it. */
export function withoutReplies({ nodes, edges }: Topology): Topology {
  const kept = [...edges].filter(([, edge]) => {
    const opposite = edges.get(edgeKey(edge.to, edge.from));
    return isCall(edge) || opposite === undefined || !isCall(opposite);
  });
  return { nodes, edges: new Map(kept) };
}

/**
 * The nodes that are reached through collapsed ones alone, with how many each collapsed one hides. A node that anyone else calls as well stays:
 * what is hidden can be told from what remains.
 */
export function hiddenBy({ nodes, edges }: Topology, collapsed: ReadonlySet<string>): { hidden: Set<string>; counts: Map<string, number> } {
  const callers = new Map<string, Set<string>>();
  for (const edge of edges.values()) {
    if (edge.from === edge.to || !isCall(edge)) continue;
    const known = callers.get(edge.to);
    if (known === undefined) callers.set(edge.to, new Set([edge.from]));
    else known.add(edge.from);
  }
  /** Hidden node → the collapsed one it is hidden in. */
  const owner = new Map<string, string>();
  for (let changed = collapsed.size > 0; changed; ) {
    changed = false;
    for (const id of nodes.keys()) {
      if (owner.has(id)) continue;
      const from = [...(callers.get(id) ?? [])];
      const owners = new Set(from.map((caller) => owner.get(caller) ?? (collapsed.has(caller) ? caller : null)));
      const [only] = owners;
      // Hidden in two, it would have to be in both.
      if (from.length === 0 || owners.size !== 1 || only == null || only === id) continue;
      owner.set(id, only);
      changed = true;
    }
  }
  const counts = new Map<string, number>();
  for (const at of owner.values()) counts.set(at, (counts.get(at) ?? 0) + 1);
  return { hidden: new Set(owner.keys()), counts };
}

/** A topology without the nodes hidden in collapsed ones; their edges to others become edges of those. */
export function collapse(topology: Topology, collapsed: ReadonlySet<string>): { topology: Topology; counts: Map<string, number> } {
  const { hidden, counts } = hiddenBy(topology, collapsed);
  if (hidden.size === 0) return { topology, counts };
  const nodes = new Map([...topology.nodes].filter(([id]) => !hidden.has(id)));
  const edges = new Map([...topology.edges].filter(([, { from, to }]) => !hidden.has(from) && !hidden.has(to)));
  return { topology: { nodes, edges }, counts };
}

/** Ids of nodes that stand for a kind of nodes end like this; no node of Loom does. */
const ALL = '/*';

export function isAggregate(id: string): boolean {
  return id.endsWith(ALL);
}

/** The kind a node is put together with: the parts of its id but the last. */
export function kindOf(id: string): string {
  const end = id.lastIndexOf('/');
  return end <= 0 ? id : `${id.slice(0, end)}${ALL}`;
}

const WORST = { error: 2, running: 1, idle: 0 } as const;

function mergedNodes(id: string, members: readonly TopologyNode[]): TopologyNode {
  const [first] = members as [TopologyNode, ...TopologyNode[]];
  const newest = members.reduce((a, b) => (b.last_seq > a.last_seq ? b : a));
  const sum = (of: (node: TopologyNode) => number): number => members.reduce((total, node) => total + of(node), 0);
  return {
    ...first,
    id,
    name: `${id} (${String(members.length)})`,
    type: members.every(({ type }) => type === first.type) ? first.type : 'Node',
    role: null,
    metadata: {},
    evidence: {},
    status: members.reduce((worst, { status }) => (WORST[status] > WORST[worst] ? status : worst), first.status),
    status_reason: null,
    events: sum(({ events }) => events),
    open_calls: sum(({ open_calls: open }) => open),
    errors: sum(({ errors }) => errors),
    first_seq: members.reduce((least, node) => Math.min(least, node.first_seq), first.first_seq),
    last_seq: newest.last_seq,
    last_time: newest.last_time,
    unregistered: null,
  };
}

function mergedEdges(from: string, to: string, members: readonly TopologyEdge[]): TopologyEdge {
  const newest = members.reduce((a, b) => (b.last_seq > a.last_seq ? b : a));
  const sum = (of: (edge: TopologyEdge) => number): number => members.reduce((total, edge) => total + of(edge), 0);
  // Quantiles of several can't be had from those of each; those of the one that is used most are the nearest thing, and only shown when they are the only ones.
  const answered = members.filter(({ latency_ms: latency }) => latency !== null);
  return {
    from,
    to,
    count: sum(({ count }) => count),
    open: sum(({ open }) => open),
    errors: sum(({ errors }) => errors),
    blocked: sum(({ blocked }) => blocked),
    wait_ms: sum(({ wait_ms: wait }) => wait),
    latency_ms: answered.length === 1 ? (answered[0]?.latency_ms ?? null) : null,
    last_seq: newest.last_seq,
    last_time: newest.last_time,
  };
}

/** Nodes of one kind put together, except the kinds that are `open`, and their edges with them. Counts add up. */
export function aggregate({ nodes, edges }: Topology, open: ReadonlySet<string>): Topology {
  const groups = new Map<string, TopologyNode[]>();
  for (const node of nodes.values()) {
    const kind = kindOf(node.id);
    groups.set(kind, [...(groups.get(kind) ?? []), node]);
  }
  const place = (id: string): string => {
    const kind = kindOf(id);
    return open.has(kind) || (groups.get(kind)?.length ?? 0) < 2 ? id : kind;
  };
  const merged = new Map<string, TopologyNode>();
  for (const [kind, members] of groups) {
    if (open.has(kind) || members.length < 2) for (const node of members) merged.set(node.id, node);
    else merged.set(kind, mergedNodes(kind, members));
  }
  const bundles = new Map<string, TopologyEdge[]>();
  for (const edge of edges.values()) {
    const key = edgeKey(place(edge.from), place(edge.to));
    const bundle = bundles.get(key);
    if (bundle === undefined) bundles.set(key, [edge]);
    else bundle.push(edge);
  }
  const joined = new Map<string, TopologyEdge>();
  for (const [key, members] of bundles) {
    const [first] = members as [TopologyEdge, ...TopologyEdge[]];
    const [from, to] = [place(first.from), place(first.to)];
    joined.set(key, members.length === 1 && from === first.from && to === first.to ? first : mergedEdges(from, to, members));
  }
  return { nodes: merged, edges: joined };
}
