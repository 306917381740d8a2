import { keepPreviousData, useQuery, type UseQueryResult } from '@tanstack/react-query';
import { useEffect, useState } from 'react';
import { ApiError } from './api';
import { useConnection } from './connectionStore';
import { usePlayhead } from './playhead';

/** At the head, what a view shows is asked for anew at most this often. */
const EVERY_MS = 1000;

/** The newest seq, told at most once a second. */
export function useHeadTick(): number {
  const [head, setHead] = useState(() => useConnection.getState().headSeq);
  useEffect(() => {
    let timer: ReturnType<typeof setTimeout> | undefined;
    const unsubscribe = useConnection.subscribe(() => {
      timer ??= setTimeout(() => {
        timer = undefined;
        setHead(useConnection.getState().headSeq);
      }, EVERY_MS);
    });
    return () => {
      clearTimeout(timer);
      unsubscribe();
    };
  }, []);
  return head;
}

/**
 * An answer as of the playhead. What was asked for before stays on screen until the next answer is there; a question that
 * isn't wanted any more is withdrawn.
 */
export function useAsOf<T>(key: readonly unknown[], load: (at: number | undefined, signal: AbortSignal) => Promise<T>, enabled = true): UseQueryResult<T> {
  const at = usePlayhead();
  const head = useHeadTick();
  const result = useQuery({
    queryKey: [...key, at ?? 'head'],
    queryFn: ({ signal }) => load(at ?? undefined, signal),
    enabled,
    staleTime: at === null ? 0 : Number.POSITIVE_INFINITY,
    placeholderData: keepPreviousData,
    retry: (count, error) => count < 1 && error instanceof ApiError && error.code === 'unreachable',
  });
  const { refetch } = result;
  useEffect(() => {
    // The first answer is the query's own.
    if (at === null && enabled && head > 0) void refetch({ cancelRefetch: false });
  }, [at, enabled, head, refetch]);
  return result;
}
