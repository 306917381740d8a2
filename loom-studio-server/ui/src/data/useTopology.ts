import { useEffect, useMemo, useState, useSyncExternalStore } from 'react';
import { fetchTopologyOf } from './api';
import { dataClient } from './client';
import { usePlayhead } from './playhead';
import { edgeKey, type Topology } from './topology';
import type { TopologyAnswer } from './types';
import { useAsOf } from './useAsOf';
import { useUrlState } from './useUrlState';

/** Ten pictures a second are as many as the server sends. */
const EVERY_MS = 100;

/** A number that changes with the live topology, at most ten times a second. */
function useLiveVersion(): number {
  const { topologyVersion } = dataClient();
  const [version, setVersion] = useState(topologyVersion.get);
  useEffect(() => {
    let timer: ReturnType<typeof setTimeout> | undefined;
    const unsubscribe = topologyVersion.subscribe(() => {
      timer ??= setTimeout(() => {
        timer = undefined;
        setVersion(topologyVersion.get());
      }, EVERY_MS);
    });
    setVersion(topologyVersion.get());
    return () => {
      clearTimeout(timer);
      unsubscribe();
    };
  }, [topologyVersion]);
  return version;
}

/** The topology at the head, whatever the playhead. */
export function useLiveTopology(): Topology {
  const client = dataClient();
  const version = useLiveVersion();
  useSyncExternalStore(client.startedOver.subscribe, client.startedOver.get);
  return useMemo(() => {
    const { nodes, edges } = client.topology;
    return { nodes: new Map(nodes), edges: new Map(edges) };
    // The model is one object that changes in place; its version says when.
    // eslint-disable-next-line react-hooks/exhaustive-deps
  }, [client, version]);
}

function fromAnswer({ nodes, edges }: TopologyAnswer): Topology {
  return {
    nodes: new Map(nodes.map((node) => [node.id, node])),
    edges: new Map(edges.map((edge) => [edgeKey(edge.from, edge.to), edge])),
  };
}

/** The topology to show: the live one, or the one as of the playhead; of the chosen session, if there is one. */
export function useTopology(): { topology: Topology; asOf: number | null } {
  const at = usePlayhead();
  const { session } = useUrlState();
  const live = useLiveTopology();
  const { data } = useAsOf(['topology', session], (asOf, signal) => fetchTopologyOf({ at: asOf, session_id: session ?? undefined }, signal), at !== null || session !== null);
  const asked = useMemo(() => (data === undefined ? null : fromAnswer(data)), [data]);
  return { topology: (at !== null || session !== null) && asked !== null ? asked : live, asOf: at };
}
