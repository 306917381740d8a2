import { dataClient } from './client';
import { useConnection } from './connectionStore';
import { currentUrlState, setUrlState } from './useUrlState';

/** The newest seq on screen, so that pausing takes no row away. */
function newestShown(): number {
  const view = dataClient().view.get();
  const last = view === null ? 0 : view.seq.length - 1;
  const isAtTail = view !== null && view.offset + view.seq.length === view.end;
  const shown = isAtTail ? Math.max(view.seq[last] ?? 0, view.gapTo[last] ?? 0) : 0;
  return Math.max(shown, useConnection.getState().headSeq);
}

export function togglePause(): void {
  const { paused } = currentUrlState();
  setUrlState(paused === null ? { paused: newestShown(), epoch: useConnection.getState().epoch } : { paused: null });
}

/** Selects an event; null clears the selection. */
export function selectEvent(seq: number | null, how: 'push' | 'replace' = 'replace'): void {
  setUrlState({ seq, epoch: useConnection.getState().epoch ?? currentUrlState().epoch }, how);
}
