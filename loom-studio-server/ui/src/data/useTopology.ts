import { keepPreviousData, useQuery } from '@tanstack/react-query';
import { useEffect, useMemo, useState, useSyncExternalStore } from 'react';
import { fetchTopology } from './api';
import { dataClient } from './client';
import { usePlayhead } from './playhead';
import { edgeKey, type Topology } from './topology';

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

/** The topology to show: the live one, or the one as of the playhead. */
export function useTopology(): { topology: Topology; asOf: number | null } {
  const at = usePlayhead();
  const client = dataClient();
  const version = useLiveVersion();
  useSyncExternalStore(client.startedOver.subscribe, client.startedOver.get);
  const { data } = useQuery({
    queryKey: ['topology', at],
    queryFn: ({ signal }) => fetchTopology(at ?? 0, signal),
    enabled: at !== null,
    staleTime: Number.POSITIVE_INFINITY,
    placeholderData: keepPreviousData,
  });
  return useMemo(() => {
    if (at !== null && data !== undefined) {
      return {
        topology: {
          nodes: new Map(data.nodes.map((node) => [node.id, node])),
          edges: new Map(data.edges.map((edge) => [edgeKey(edge.from, edge.to), edge])),
        },
        asOf: at,
      };
    }
    const { nodes, edges } = client.topology;
    return { topology: { nodes: new Map(nodes), edges: new Map(edges) }, asOf: null };
    // The model is one object that changes in place; its version says when.
    // eslint-disable-next-line react-hooks/exhaustive-deps
  }, [client, data, at, version]);
}
