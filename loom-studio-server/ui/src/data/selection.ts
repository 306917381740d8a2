import type { UrlState } from './urlState';
import { setUrlState } from './useUrlState';

export type Selection = { seq: number } | { node: string } | { edge: { from: string; to: string } } | null;

/** What is selected: the inspector shows it, and every view marks it. */
export function selectionOf({ seq, node, edge }: UrlState): Selection {
  if (seq !== null) return { seq };
  if (node !== null) return { node };
  return edge === null ? null : { edge };
}

/** Selects one thing, in the view that is open unless `patch` names another. */
export function select(selection: Selection, how: 'push' | 'replace' = 'push', patch: Partial<UrlState> = {}): void {
  const nothing = { seq: null, node: null, edge: null };
  setUrlState({ ...patch, ...nothing, ...selection }, how);
}
