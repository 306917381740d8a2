import { useMemo, useState } from 'react';
import { fetchTopologyOf } from '../../data/api';
import { edgeKey, type Topology } from '../../data/topology';
import { useAsOf } from '../../data/useAsOf';
import { useLiveTopology, useTopology } from '../../data/useTopology';
import { useUrlState } from '../../data/useUrlState';
import { EDGES_DRAWN } from './graphDiff';
import { aggregate, collapse, isAggregate, withoutReplies } from './shape';

/** What isn't drawn like the rest. */
export interface Marks {
  /** What doesn't exist yet at the playhead. */
  ghosts: ReadonlySet<string>;
  /** What the entered run touched; null when all is alike. Keys of nodes and edges. */
  lit: ReadonlySet<string> | null;
  /** Nodes hidden in each collapsed one. */
  hidden: ReadonlyMap<string, number>;
}

export interface Graph {
  /** All there is as of the playhead: for the table. */
  topology: Topology;
  /** What is drawn: with what comes later, without what is collapsed. */
  drawn: Topology;
  marks: Marks;
  asOf: number | null;
  isAggregated: boolean;
  /** Whether there is so much that putting kinds together is offered. */
  canAggregate: boolean;
  setAggregated: (on: boolean) => void;
  /** Collapses a node or expands it; opens a kind of nodes. */
  toggle: (id: string) => void;
  expandAll: () => void;
}

/** The topology, shaped for drawing. */
export function useGraph(): Graph {
  const { run } = useUrlState();
  const { topology, asOf } = useTopology();
  const live = useLiveTopology();
  const [collapsed, setCollapsed] = useState<ReadonlySet<string>>(new Set());
  const [openKinds, setOpenKinds] = useState<ReadonlySet<string>>(new Set());
  const [chosen, setChosen] = useState<boolean | null>(null);
  const { data: ofRun } = useAsOf(['topology-of-run', run], (at, signal) => fetchTopologyOf({ at, run_id: run ?? 0 }, signal), run !== null);

  const shaped = useMemo(() => {
    const ghosts = new Set<string>();
    const nodes = new Map(topology.nodes);
    const edges = new Map(topology.edges);
    if (asOf !== null) {
      for (const [id, node] of live.nodes) {
        if (nodes.has(id)) continue;
        nodes.set(id, node);
        ghosts.add(id);
      }
      for (const [key, edge] of live.edges) {
        if (edges.has(key)) continue;
        edges.set(key, edge);
        ghosts.add(key);
      }
    }
    const folded = collapse(withoutReplies({ nodes, edges }), collapsed);
    const canAggregate = folded.topology.edges.size > EDGES_DRAWN || chosen !== null;
    const isAggregated = canAggregate && chosen !== false;
    return {
      ghosts,
      hidden: folded.counts,
      canAggregate,
      isAggregated,
      drawn: isAggregated ? aggregate(folded.topology, openKinds) : folded.topology,
    };
  }, [asOf, chosen, collapsed, live, openKinds, topology]);
  const lit = useMemo(() => {
    if (run === null || ofRun === undefined) return null;
    return new Set([...ofRun.nodes.map(({ id }) => id), ...ofRun.edges.map(({ from, to }) => edgeKey(from, to))]);
  }, [ofRun, run]);
  const { ghosts, hidden } = shaped;
  const marks = useMemo(() => ({ ghosts, lit, hidden }), [ghosts, hidden, lit]);
  const flip = (set: ReadonlySet<string>, id: string): ReadonlySet<string> => {
    const next = new Set(set);
    if (!next.delete(id)) next.add(id);
    return next;
  };
  return {
    topology,
    drawn: shaped.drawn,
    marks,
    asOf,
    isAggregated: shaped.isAggregated,
    canAggregate: shaped.canAggregate,
    setAggregated: setChosen,
    toggle: (id) => {
      if (isAggregate(id)) setOpenKinds((before) => flip(before, id));
      else setCollapsed((before) => flip(before, id));
    },
    expandAll: () => {
      setCollapsed(new Set());
      setOpenKinds(new Set());
    },
  };
}
