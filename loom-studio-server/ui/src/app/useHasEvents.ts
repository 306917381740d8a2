import { useQuery } from '@tanstack/react-query';
import { useConnection } from '../data/connectionStore';
import { fetchSessions } from '../data/sessions';

const ASK_AGAIN_MS = 2000;

/**
 * Whether the workspace has any event. The socket tells of the whole store, in which other workspaces may have theirs: where
 * this page holds nothing, the server is asked whether anybody ever reported here.
 */
export function useHasEvents(): boolean {
  const holdsSome = useConnection(({ held }) => held > 0);
  const storeHasSome = useConnection(({ headSeq }) => headSeq > 0);
  const epoch = useConnection((status) => status.epoch);
  const { data } = useQuery({
    queryKey: ['has-events', epoch],
    queryFn: async ({ signal }) => (await fetchSessions(signal)).length > 0,
    enabled: !holdsSome && storeHasSome,
    refetchInterval: ASK_AGAIN_MS,
  });
  return holdsSome || (storeHasSome && data === true);
}
