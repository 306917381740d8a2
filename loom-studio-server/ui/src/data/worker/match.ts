import { fold, type Expr, type Filter, type HeldField, type Test } from '../condition';
import { Outcome } from '../outcome';
import type { Columns } from './columns';

export type Matcher = (row: number) => boolean;

export interface TimeRange {
  fromUs: number;
  toUs: number;
}

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

/** Whether any value of a field passes. What isn't there (id 0) has no value. */
function anyValue(columns: Columns, field: HeldField, passes: (value: string) => boolean): Matcher {
  const id = perString(columns, (value) => value !== '' && passes(value));
  switch (field) {
    case 'type':
      return (row) => id(columns.type(row));
    case 'session':
      return (row) => id(columns.session(row));
    case 'from':
      return (row) => id(columns.source(row));
    case 'to':
      return (row) => id(columns.target(row));
    case 'node':
      return (row) => id(columns.source(row)) || id(columns.target(row));
    case 'outcome': {
      const ok = passes('ok');
      const error = passes('error');
      return (row) => (columns.outcome(row) === Outcome.Ok ? ok : columns.outcome(row) === Outcome.Error && error);
    }
    case 'seq':
    case 'time':
      return () => true;
  }
}

function compileTest(columns: Columns, test: Test): Matcher {
  switch (test.kind) {
    case 'exists':
      return anyValue(columns, test.field, () => true);
    case 'contains': {
      const wanted = fold(test.text);
      return anyValue(columns, test.field, (value) => fold(value).includes(wanted));
    }
    case 'text': {
      const equals = anyValue(columns, test.field, (value) => test.values.some(({ text, prefix }) => (prefix ? value.startsWith(text) : value === text)));
      if (test.op === '=') return equals;
      const exists = anyValue(columns, test.field, () => true);
      return (row) => exists(row) && !equals(row);
    }
    case 'number': {
      const { op, values } = test;
      const value: (row: number) => number = test.field === 'seq' ? (row) => columns.seq(row) : (row) => columns.timeUs(row);
      const bound = values[0] ?? Number.NaN;
      switch (op) {
        case '=':
          return (row) => values.includes(value(row));
        case '!=':
          return (row) => !values.includes(value(row));
        case '<':
          return (row) => value(row) < bound;
        case '<=':
          return (row) => value(row) <= bound;
        case '>':
          return (row) => value(row) > bound;
        case '>=':
          return (row) => value(row) >= bound;
      }
    }
  }
}

function compileExpr(columns: Columns, expr: Expr): Matcher {
  switch (expr.kind) {
    case 'and': {
      const of = expr.of.map((part) => compileExpr(columns, part));
      return (row) => of.every((matches) => matches(row));
    }
    case 'or': {
      const of = expr.of.map((part) => compileExpr(columns, part));
      return (row) => of.some((matches) => matches(row));
    }
    case 'not': {
      const matches = compileExpr(columns, expr.of);
      return (row) => !matches(row);
    }
    default:
      return compileTest(columns, expr);
  }
}

/** A word is looked for in the strings held of an event, and in its preview as long as that is kept. */
function compileWord(columns: Columns, word: string): Matcher {
  const wanted = fold(word);
  const inString = perString(columns, (value) => fold(value).includes(wanted));
  return (row) =>
    inString(columns.type(row)) ||
    inString(columns.source(row)) ||
    inString(columns.target(row)) ||
    inString(columns.session(row)) ||
    fold(columns.preview(row) ?? '').includes(wanted);
}

/**
 * A test for rows, or null when every row passes. What only the server can tell (`kind` `server`) passes here. Gap rows
 * always pass: what they leave out might have matched.
 */
export function compileFilter(columns: Columns, filter: Filter, range: TimeRange | null = null, session: string | null = null): Matcher | null {
  const all: Matcher[] = [];
  if (filter.kind === 'words') all.push(...filter.words.map((word) => compileWord(columns, word)));
  if (filter.kind === 'here') all.push(compileExpr(columns, filter.expr));
  if (range !== null) all.push((row) => columns.timeUs(row) >= range.fromUs && columns.timeUs(row) <= range.toUs);
  if (session !== null) all.push(anyValue(columns, 'session', (value) => value === session));
  if (all.length === 0) return null;
  return (row) => columns.outcome(row) === Outcome.Gap || all.every((matches) => matches(row));
}
