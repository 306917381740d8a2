import { matchesPattern, type Filter, type FilterKey, type FilterTerm } from '../filter';
import { Outcome } from '../outcome';
import type { Columns } from './columns';

export type Matcher = (row: number) => boolean;

/** Remembers per string id whether the string passes, so that a scan tests each distinct string once. */
function perString(columns: Columns, passes: (value: string) => boolean): (id: number) => boolean {
  let memo = new Int8Array(256).fill(-1);
  return (id) => {
    if (id >= memo.length) {
      const grown = new Int8Array(Math.max(memo.length * 2, id + 1)).fill(-1);
      grown.set(memo);
      memo = grown;
    }
    const known = memo[id] as number;
    if (known >= 0) return known === 1;
    const result = passes(columns.strings.get(id));
    memo[id] = result ? 1 : 0;
    return result;
  };
}

function keyed(columns: Columns, key: FilterKey, passes: (id: number) => boolean): Matcher {
  switch (key) {
    case 'type':
      return (row) => passes(columns.type(row));
    case 'session':
      return (row) => passes(columns.session(row));
    case 'from':
      return (row) => passes(columns.source(row));
    case 'to':
      return (row) => passes(columns.target(row));
    case 'node':
      return (row) => passes(columns.source(row)) || passes(columns.target(row));
  }
}

function toMatcher(columns: Columns, term: FilterTerm): Matcher {
  if (term.kind === 'error') return (row) => columns.outcome(row) === Outcome.Error;
  if (term.kind === 'text') {
    const wanted = term.text.toLowerCase();
    const inString = perString(columns, (value) => value.toLowerCase().includes(wanted));
    return (row) =>
      inString(columns.type(row)) ||
      inString(columns.source(row)) ||
      inString(columns.target(row)) ||
      inString(columns.session(row)) ||
      (columns.preview(row)?.toLowerCase().includes(wanted) ?? false);
  }
  const { kind, pattern } = term;
  return keyed(columns, kind, perString(columns, (value) => value !== '' && matchesPattern(pattern, value)));
}

/** A test for rows, or null when every row passes. Gap rows always pass: what they leave out might have matched. */
export function compileFilter(columns: Columns, filter: Filter): Matcher | null {
  if (filter.terms.length === 0) return null;
  const all: Matcher[] = [];
  const alternatives = new Map<FilterKey, Matcher[]>();
  for (const term of filter.terms) {
    const matcher = toMatcher(columns, term);
    if (term.negate) all.push((row) => !matcher(row));
    else if (term.kind === 'text' || term.kind === 'error') all.push(matcher);
    else alternatives.set(term.kind, [...(alternatives.get(term.kind) ?? []), matcher]);
  }
  for (const group of alternatives.values()) all.push((row) => group.some((matcher) => matcher(row)));
  return (row) => columns.outcome(row) === Outcome.Gap || all.every((matcher) => matcher(row));
}
