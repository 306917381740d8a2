import { isKeyword, tokenize, type Token } from './conditionTokens';

/** Fields whose values this page holds of every event. */
export const HELD_FIELDS = ['type', 'session', 'node', 'from', 'to', 'seq', 'time', 'outcome'] as const;
export type HeldField = (typeof HELD_FIELDS)[number];

export interface TextValue {
  text: string;
  prefix: boolean;
}

/** A test of one event. A field without a value fails every test. */
export type Test =
  | { kind: 'exists'; field: HeldField }
  | { kind: 'contains'; field: HeldField; text: string }
  | { kind: 'text'; field: HeldField; op: '=' | '!='; values: TextValue[] }
  | { kind: 'number'; field: 'seq' | 'time'; op: '=' | '!=' | '<' | '<=' | '>' | '>='; values: number[] };

export type Expr = Test | { kind: 'and' | 'or'; of: Expr[] } | { kind: 'not'; of: Expr };

/**
 * A filter of the log. `all`: empty. `words`: bare words, found in what the page holds of an event. `here`: a condition on
 * what the page holds. `server`: anything else, right or wrong; the server has the word on it.
 */
export type Filter = { kind: 'all' } | { kind: 'words'; words: string[] } | { kind: 'here'; expr: Expr } | { kind: 'server' };

/** What this page leaves to the server. */
class NotHere extends Error {}

const TEXTS: ReadonlySet<HeldField> = new Set<HeldField>(['type', 'session', 'node', 'from', 'to', 'outcome']);
const NODES: ReadonlySet<HeldField> = new Set<HeldField>(['node', 'from', 'to']);
const COMPARISONS: Record<string, '=' | '!=' | '<' | '<=' | '>' | '>=' | undefined> = {
  '=': '=', '==': '=', '!=': '!=', '≠': '!=', '<': '<', '<=': '<=', '>': '>', '>=': '>=',
};
const DEPTH = 40;
const TESTS_AT_MOST = 256;

/** Reads a filter. */
export function parseFilter(input: string): Filter {
  if (input.trim() === '') return { kind: 'all' };
  const tokens = tokenize(input);
  if (tokens === null) return { kind: 'server' };
  const words = asWords(tokens);
  if (words !== null) return { kind: 'words', words };
  try {
    return { kind: 'here', expr: new Parser(tokens).whole() };
  } catch (error) {
    if (error instanceof NotHere) return { kind: 'server' };
    throw error;
  }
}

/** Words and quoted texts, and nothing that makes a condition of them. */
function asWords(tokens: Token[]): string[] | null {
  const isWord = (token: Token): boolean => (token.kind === 'word' || token.kind === 'text') && !token.star && !isKeyword(token) && token.value !== '';
  return tokens.every(isWord) ? tokens.map(({ value }) => value) : null;
}

/** The condition that a filter asks the server for; empty when it asks for everything. */
export function asCondition(input: string): string {
  const filter = parseFilter(input);
  if (filter.kind === 'words') return filter.words.map((word) => `text contains ${JSON.stringify(word)}`).join(' and ');
  return input.trim();
}

/** Case as `contains` sees it: each character by the lower case of its upper case. */
export function fold(text: string): string {
  // eslint-disable-next-line no-control-regex
  if (/^[\u0000-\u007f]*$/.test(text)) return text.toLowerCase();
  let folded = '';
  for (const char of text) for (const upper of char.toUpperCase()) folded += upper.toLowerCase();
  return folded;
}

/** A node's id, from any spelling of its address. */
export function nodeId(address: string): string {
  const trimmed = address.replace(/\/+$/, '') || address;
  if (trimmed === '' || trimmed.startsWith('/') || /^[a-z][a-z0-9+.-]*:/i.test(trimmed)) return trimmed;
  return /^(node|user)\//.test(trimmed) ? `/${trimmed}` : `/node/${trimmed}`;
}

/** Microseconds since 1970 of a time as conditions write it; `null` where it isn't one, or finer than that. */
function microseconds(text: string): number | null {
  const seconds = /^(\d{1,9}|1\d{9})(?:\.(\d{1,6}))?$/.exec(text);
  if (seconds !== null) return Number(seconds[1]) * 1e6 + Number((seconds[2] ?? '').padEnd(6, '0'));
  const shape = /^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,6}))?(Z|[+-]\d\d:\d\d)$/.exec(text);
  if (shape === null) return null;
  const whole = Date.parse(`${shape[1] ?? ''}${shape[3] ?? ''}`);
  return Number.isNaN(whole) ? null : whole * 1000 + Number((shape[2] ?? '').padEnd(6, '0'));
}

class Parser {
  readonly #tokens: Token[];
  #at = 0;
  #depth = 0;
  #tests = 0;

  constructor(tokens: Token[]) {
    this.#tokens = tokens;
  }

  whole(): Expr {
    const expr = this.#or();
    if (this.#at < this.#tokens.length) throw new NotHere();
    return expr;
  }

  #next(): Token {
    const token = this.#tokens[this.#at];
    if (token === undefined) throw new NotHere();
    this.#at += 1;
    return token;
  }

  #takes(keyword: string, sign?: string): boolean {
    const token = this.#tokens[this.#at];
    const found = (keyword !== '' && isKeyword(token, keyword)) || (token?.kind === 'sign' && token.value === sign);
    if (found) this.#at += 1;
    return found;
  }

  #or(): Expr {
    const of = [this.#and()];
    while (this.#takes('or', '||')) of.push(this.#and());
    return of.length === 1 && of[0] !== undefined ? of[0] : { kind: 'or', of };
  }

  #and(): Expr {
    const of = [this.#unary()];
    while (this.#takes('and', '&&')) of.push(this.#unary());
    return of.length === 1 && of[0] !== undefined ? of[0] : { kind: 'and', of };
  }

  #unary(): Expr {
    this.#depth += 1;
    if (this.#depth > DEPTH) throw new NotHere();
    let expr: Expr;
    if (this.#takes('not', '!')) {
      expr = { kind: 'not', of: this.#unary() };
    } else if (this.#takes('', '(')) {
      expr = this.#or();
      if (!this.#takes('', ')')) throw new NotHere();
    } else {
      expr = this.#test();
    }
    this.#depth -= 1;
    return expr;
  }

  #field(): HeldField {
    const token = this.#next();
    const field = HELD_FIELDS.find((name) => token.kind === 'word' && !token.star && token.value === name);
    if (field === undefined) throw new NotHere();
    return field;
  }

  #test(): Expr {
    if (this.#takes('exists')) return { kind: 'exists', field: this.#field() };
    const field = this.#field();
    if (this.#takes('contains')) {
      const token = this.#value();
      if (!TEXTS.has(field) || field === 'outcome' || token.star) throw new NotHere();
      return { kind: 'contains', field, text: token.value };
    }
    if (this.#takes('in')) return this.#comparison(field, '=', this.#list());
    const sign = this.#next();
    const op = sign.kind === 'sign' ? COMPARISONS[sign.value] : undefined;
    if (op === undefined) throw new NotHere();
    return this.#comparison(field, op, [this.#value()]);
  }

  #list(): Token[] {
    if (!this.#takes('', '(')) throw new NotHere();
    const values = [this.#value()];
    while (this.#takes('', ',')) values.push(this.#value());
    if (!this.#takes('', ')')) throw new NotHere();
    return values;
  }

  #value(): Token {
    const token = this.#next();
    this.#tests += 1;
    const isValue = (token.kind === 'word' || token.kind === 'text') && !isKeyword(token) && this.#tests <= TESTS_AT_MOST;
    // A word's star stands at its end; `null` asks for what isn't there.
    if (!isValue || (token.kind === 'word' && (token.value.includes('*') || token.value === 'null'))) throw new NotHere();
    return token;
  }

  #comparison(field: HeldField, op: '=' | '!=' | '<' | '<=' | '>' | '>=', values: Token[]): Expr {
    if (field === 'seq' || field === 'time') {
      const numbers = values.map((token) => {
        const isSeq = field === 'seq';
        const number = isSeq ? (token.kind === 'word' && /^(0|[1-9]\d{0,14})$/.test(token.value) ? Number(token.value) : null) : microseconds(token.value);
        if (number === null || token.star) throw new NotHere();
        return number;
      });
      return { kind: 'number', field, op, values: numbers };
    }
    if (op !== '=' && op !== '!=') throw new NotHere();
    return {
      kind: 'text',
      field,
      op,
      values: values.map(({ value, star }) => {
        if (field === 'outcome' && (star || (value !== 'ok' && value !== 'error'))) throw new NotHere();
        if (!NODES.has(field)) return { text: value, prefix: star };
        // The server has the rule for half an address.
        if (star && !value.startsWith('/')) throw new NotHere();
        return { text: star ? value : nodeId(value), prefix: star };
      }),
    };
  }
}
