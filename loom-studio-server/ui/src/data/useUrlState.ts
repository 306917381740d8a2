import { useMemo } from 'react';
import { useLocation, useSearch } from 'wouter';
import { navigate } from 'wouter/use-browser-location';
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

/** Changes part of the state. `push` makes it a step that the browser's Back undoes. */
export function setUrlState(patch: Partial<UrlState>, how: 'push' | 'replace' = 'replace'): void {
  const before = encodeUrl(currentUrlState());
  const next: UrlState = { ...currentUrlState(), ...patch };
  if (next.seq === null && next.paused === null) next.epoch = null;
  const url = encodeUrl(next);
  if (url !== before) navigate(url, { replace: how === 'replace' });
}
