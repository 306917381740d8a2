import { useSyncExternalStore } from 'react';
import { fetchFirst } from './api';
import { dataClient } from './client';
import { useConnection } from './connectionStore';
import { External } from './external';
import { currentUrlState, setUrlState, useUrlState } from './useUrlState';

/** A moving playhead comes to rest in the address bar: browsers refuse to change it many times a second. */
const REST_MS = 200;

/** Where the playhead is while it moves; `undefined` while it rests where the address says. */
const moving = new External<number | null | undefined>(undefined);
let rest: ReturnType<typeof setTimeout> | undefined;

function currentAt(): number | null {
  const now = moving.get();
  return now === undefined ? currentUrlState().at : now;
}

/** The seq that every view shows the state as of; `null` is the head. */
export function usePlayhead(): number | null {
  const { at } = useUrlState();
  const now = useSyncExternalStore(moving.subscribe, moving.get);
  return now === undefined ? at : now;
}

/** The newest seq on screen, so that leaving the head takes no row away. */
export function newestShown(): number {
  const view = dataClient().view.get();
  const last = view === null ? 0 : view.seq.length - 1;
  const isAtTail = view !== null && view.offset + view.seq.length === view.end;
  const shown = isAtTail ? Math.max(view.seq[last] ?? 0, view.gapTo[last] ?? 0) : 0;
  return Math.max(shown, useConnection.getState().headSeq);
}

/** Moves the playhead: all views show the state as of `seq`, or follow the head. */
export function movePlayhead(seq: number | null): void {
  moving.set(seq);
  clearTimeout(rest);
  rest = setTimeout(() => {
    setUrlState({ at: seq });
    moving.set(undefined);
  }, REST_MS);
}

/** Holds the playhead where the head is now, or lets it follow the head again. */
export function togglePause(): void {
  const at = currentAt();
  clearTimeout(rest);
  moving.set(undefined);
  setUrlState({ at: at === null ? newestShown() : null });
}

export interface Place {
  seq: number;
  timeUs: number;
}

/** The event next to `seq`: from what this page holds, else from the server. `null` beyond the ends of the log. */
export async function eventBeside(seq: number, delta: 1 | -1): Promise<Place | null> {
  const { found } = await dataClient().neighbour(seq, delta);
  if (found !== null) return found;
  const { headSeq } = useConnection.getState();
  if (delta > 0 ? seq >= headSeq : seq <= 1) return null;
  const range = delta > 0 ? { from_seq: seq + 1 } : { to_seq: seq - 1 };
  const answer = await fetchFirst({ where: 'seq > 0', direction: delta > 0 ? 'forward' : 'backward', ...range });
  return answer.event === null ? null : answer.event;
}

/** Moves the playhead by one event. Beyond the newest it follows the head. */
export async function stepPlayhead(delta: 1 | -1): Promise<void> {
  const at = currentAt();
  if (at === null && delta > 0) return;
  const place = await eventBeside(at ?? newestShown() + 1, delta);
  if (place !== null) movePlayhead(place.seq);
  else if (delta > 0) movePlayhead(null);
}
