import { useMemo } from 'react';
import { useLocation, useSearch } from 'wouter';
import { navigate } from 'wouter/use-browser-location';
import { useConnection } from './connectionStore';
import { decodeUrl, encodeUrl, type UrlState } from './urlState';

export function currentUrlState(): UrlState {
  return decodeUrl(window.location.pathname, window.location.search);
}

/** The page's state, as the address bar has it. */
export function useUrlState(): UrlState {
  const [path] = useLocation();
  const search = useSearch();
  return useMemo(() => decodeUrl(path, search), [path, search]);
}

/** `state`, with the epoch its seqs belong to: the store's of now, and none where there is no seq. */
function withEpoch(state: UrlState): UrlState {
  const { at, compare, run, seq } = state;
  const hasSeq = at !== null || compare !== null || run !== null || seq !== null;
  return { ...state, epoch: hasSeq ? (useConnection.getState().epoch ?? state.epoch) : null };
}

/** Changes part of the state. `push` makes it a step that the browser's Back undoes. */
export function setUrlState(patch: Partial<UrlState>, how: 'push' | 'replace' = 'replace'): void {
  const now = currentUrlState();
  const next = { ...now, ...patch };
  // The view that comes to the front leaves the place beside it to the one it takes the place of.
  if (next.view === next.beside) next.beside = now.view === next.view ? null : now.view;
  const url = encodeUrl(withEpoch(next));
  if (url !== encodeUrl(now)) navigate(url, { replace: how === 'replace' });
}
