import { literal } from '../../data/conditionEdit';
import { parseFilter } from '../../data/condition';
import type { FacetsMessage } from '../../data/messages';

/** A text that could stand in the filter, in place of `from`…`to`. */
export interface Candidate {
  text: string;
  kind: 'field' | 'operator' | 'value' | 'keyword';
  from: number;
  to: number;
  /** How many events held have this value. */
  held?: number;
}

export interface ConditionProblem {
  position: number;
  end: number;
  message: string;
  expected: string[];
}

export interface Completion {
  candidates: Candidate[];
  error: ConditionProblem | null;
}

const CANDIDATES_AT_MOST = 60;
const LISTS: Record<string, 'types' | 'nodes' | 'sessions' | undefined> = { type: 'types', node: 'nodes', from: 'nodes', to: 'nodes', session: 'sessions' };

/** The values held of the field whose value is being typed, most frequent first. */
function heldValues(text: string, cursor: number, facets: FacetsMessage | null): Candidate[] {
  const before = text.slice(0, cursor);
  const found = /(?:^|[\s(!&|])(type|node|from|to|session)\s*(?:==?|!=|≠|\s+in\s*\((?:[^()]*,)?)\s*("?)([^\s"'(),=!<>]*)$/i.exec(before);
  const list = LISTS[found?.[1] ?? ''];
  if (found === null || list === undefined || facets === null) return [];
  const [, , quote = '', typed = ''] = found;
  const wanted = typed.toLowerCase();
  const from = cursor - typed.length - quote.length;
  const to = cursor + (quote !== '' && text.charAt(cursor) === '"' ? 1 : 0);
  return facets[list]
    .filter(({ value }) => value.toLowerCase().includes(wanted))
    .map(({ value, count }) => ({ text: literal(value), kind: 'value', from, to, held: count }));
}

/** What the server and what is held have to offer; what was typed in full is not offered again. */
export function mergeCandidates(text: string, cursor: number, server: readonly Candidate[], facets: FacetsMessage | null): Candidate[] {
  const held = heldValues(text, cursor, facets);
  const known = new Set(held.map((candidate) => candidate.text));
  const all = [...held, ...server.filter((candidate) => !known.has(candidate.text))];
  return all.filter((candidate) => text.slice(candidate.from, candidate.to) !== candidate.text).slice(0, CANDIDATES_AT_MOST);
}

/** The text with a candidate in its place, and where the cursor is then: where the next word begins. */
export function accept(text: string, candidate: Candidate): { text: string; cursor: number } {
  const isOpen = candidate.text === '(' || candidate.text === 'data' || candidate.text.endsWith('.') || candidate.text.endsWith('*');
  const rest = text.slice(candidate.to);
  const space = isOpen || rest.startsWith(' ') ? '' : ' ';
  const cursor = candidate.from + candidate.text.length + (isOpen ? 0 : 1);
  return { text: text.slice(0, candidate.from) + candidate.text + space + rest, cursor };
}

/** Whether an error is worth saying: not for bare words, nor of a condition whose end is still being typed. */
export function isWorthSaying(text: string, error: ConditionProblem | null, isTyping: boolean): error is ConditionProblem {
  if (error === null || parseFilter(text).kind === 'words') return false;
  return !isTyping || error.position < text.trimEnd().length;
}
