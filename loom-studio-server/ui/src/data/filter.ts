/**
 * The filter language of the log.
 *
 * `key:value` tokens with the keys below, the word `error`, and free text; quotes keep blanks and colons together; a
 * leading `-` excludes. `x*` is a prefix, `*x*` means "contains", anything else matches exactly. Values of one key are
 * alternatives; everything else must hold together.
 */
export const FILTER_KEYS = ['type', 'node', 'from', 'to', 'session'] as const;
export type FilterKey = (typeof FILTER_KEYS)[number];

export type Pattern = { kind: 'exact' | 'prefix' | 'contains'; text: string };

export type FilterTerm =
  | { kind: FilterKey; negate: boolean; pattern: Pattern }
  | { kind: 'text'; negate: boolean; text: string }
  | { kind: 'error'; negate: boolean };

export type FilterProblem = 'unknown_key' | 'empty_value' | 'misplaced_star' | 'open_quote';

export interface FilterError {
  problem: FilterProblem;
  /** The part of the input that is wrong: `start` ≤ index < `end`. */
  start: number;
  end: number;
  token: string;
}

export interface Filter {
  terms: FilterTerm[];
  errors: FilterError[];
}

interface Token {
  start: number;
  end: number;
  negate: boolean;
  key: string | null;
  value: string;
  quoted: boolean;
  closed: boolean;
}

/** `key:value`, `key:"a b"`, `"a b"` or a word, each with an optional leading `-`. */
export function tokenize(input: string): Token[] {
  const tokens: Token[] = [];
  const shape = /(-?)(?:([A-Za-z_]+):(?!\/\/))?(?:"([^"]*)("?)|([^\s"]*))/gy;
  let at = 0;
  while (at < input.length) {
    if (/\s/.test(input.charAt(at))) {
      at += 1;
      continue;
    }
    shape.lastIndex = at;
    const found = shape.exec(input);
    // A stray quote inside a word is the one thing the shape can't take whole: it starts the next token.
    const length = Math.max(found?.[0].length ?? 0, 1);
    const quoted = found?.[3] !== undefined;
    tokens.push({
      start: at,
      end: at + length,
      negate: found?.[1] === '-',
      key: found?.[2]?.toLowerCase() ?? null,
      value: quoted ? (found[3] ?? '') : (found?.[5] ?? ''),
      quoted,
      closed: !quoted || found[4] === '"',
    });
    at += length;
  }
  return tokens;
}

function toPattern(value: string): Pattern | null {
  const startsOpen = value.startsWith('*');
  const endsOpen = value.endsWith('*') && value.length > 1;
  const text = value.slice(startsOpen ? 1 : 0, endsOpen ? -1 : undefined);
  if (text.includes('*') || (startsOpen && !endsOpen && text !== '')) return null;
  if (startsOpen) return { kind: 'contains', text };
  return { kind: endsOpen ? 'prefix' : 'exact', text };
}

/** Gives a node pattern the form of a node id: `crew/master` and `node/crew/master` are `/node/crew/master`. */
function toNodePattern(pattern: Pattern): Pattern {
  if (pattern.kind === 'contains' || pattern.text.startsWith('/') || pattern.text.includes('://')) return pattern;
  const path = pattern.text.startsWith('node/') ? pattern.text : `node/${pattern.text}`;
  return { kind: pattern.kind, text: `/${path}` };
}

function isKey(key: string): key is FilterKey {
  return (FILTER_KEYS as readonly string[]).includes(key);
}

function toTerm(token: Token): FilterTerm | FilterProblem {
  const { key, value, negate } = token;
  if (!token.closed) return 'open_quote';
  if (key === null) {
    if (!token.quoted && value.toLowerCase() === 'error') return { kind: 'error', negate };
    return value === '' ? 'empty_value' : { kind: 'text', negate, text: value };
  }
  if (!isKey(key)) return 'unknown_key';
  if (value === '') return 'empty_value';
  const pattern = toPattern(value);
  if (pattern === null) return 'misplaced_star';
  return { kind: key, negate, pattern: key === 'type' || key === 'session' ? pattern : toNodePattern(pattern) };
}

/** Reads a filter. Terms that are wrong are left out and named in `errors`; the others hold. */
export function parseFilter(input: string): Filter {
  const filter: Filter = { terms: [], errors: [] };
  for (const token of tokenize(input)) {
    const term = toTerm(token);
    if (typeof term === 'string') {
      filter.errors.push({ problem: term, start: token.start, end: token.end, token: input.slice(token.start, token.end) });
    } else {
      filter.terms.push(term);
    }
  }
  return filter;
}

export function matchesPattern(pattern: Pattern, value: string): boolean {
  switch (pattern.kind) {
    case 'exact':
      return value === pattern.text;
    case 'prefix':
      return value.startsWith(pattern.text);
    case 'contains':
      return value.includes(pattern.text);
  }
}

function quote(value: string): string {
  // After a colon, two slashes would read as an address and not as a value.
  return /[\s"]|^\/\//.test(value) ? `"${value.replaceAll('"', '')}"` : value;
}

/** The filter text with the positive terms of `key` replaced by `value`, or removed when `value` is null. */
export function withFacet(input: string, key: FilterKey | 'error', value: string | null): string {
  const kept = tokenize(input)
    .filter((token) => {
      if (token.negate) return true;
      return key === 'error' ? !(token.key === null && !token.quoted && token.value.toLowerCase() === 'error') : token.key !== key;
    })
    .map((token) => input.slice(token.start, token.end));
  if (value !== null) kept.push(key === 'error' ? 'error' : `${key}:${quote(value)}`);
  return kept.join(' ');
}

/** The value of the one positive term of `key`, as typed; null when there is none. */
export function facetOf(input: string, key: FilterKey | 'error'): string | null {
  for (const token of tokenize(input)) {
    if (token.negate) continue;
    if (key === 'error' && token.key === null && !token.quoted && token.value.toLowerCase() === 'error') return 'error';
    if (token.key === key && token.value !== '') return token.value;
  }
  return null;
}
