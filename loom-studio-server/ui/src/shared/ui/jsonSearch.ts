import { ExactNumber } from '../lib/exactJson';
import type { DiffNode } from './jsonDiff';
import { allRows, type JsonRow } from './jsonRows';

/** The text of a scalar as a search reads it; objects and arrays have none of their own. */
export function scalarText(value: unknown): string | null {
  if (value instanceof ExactNumber) return value.source;
  return typeof value === 'object' && value !== null ? null : String(value);
}

function holds(row: JsonRow, wanted: string): boolean {
  if (row.label.toLowerCase().includes(wanted)) return true;
  if (scalarText(row.value)?.toLowerCase().includes(wanted) === true) return true;
  return row.path.toLowerCase() === wanted || (row.mark === 'changed' && scalarText(row.before)?.toLowerCase().includes(wanted) === true);
}

/** The ids of all rows, open or not, whose name or value holds `query`, or whose path it is, whatever the case; top to bottom. */
export function searchTree(root: unknown, diff: DiffNode | null, query: string): string[] {
  const wanted = query.trim().toLowerCase();
  if (wanted === '') return [];
  const found: string[] = [];
  for (const row of allRows(root, diff)) if (holds(row, wanted)) found.push(row.id);
  return found;
}

export interface TextPart {
  text: string;
  isMatch: boolean;
}

/** `text` cut where `query` is found in it. Joined, the parts are the text. */
export function matchParts(text: string, query: string): TextPart[] {
  const wanted = query.trim().toLowerCase();
  const lower = text.toLowerCase();
  // A few letters change their length with their case; then places don't agree and nothing is marked.
  if (wanted === '' || lower.length !== text.length) return [{ text, isMatch: false }];
  const parts: TextPart[] = [];
  let from = 0;
  for (let at = lower.indexOf(wanted); at >= 0; at = lower.indexOf(wanted, from)) {
    if (at > from) parts.push({ text: text.slice(from, at), isMatch: false });
    parts.push({ text: text.slice(at, at + wanted.length), isMatch: true });
    from = at + wanted.length;
  }
  if (from < text.length || parts.length === 0) parts.push({ text: text.slice(from), isMatch: false });
  return parts;
}
