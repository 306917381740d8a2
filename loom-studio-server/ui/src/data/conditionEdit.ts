import { asCondition, parseFilter } from './condition';
import { isKeyword, tokenize, type Token } from './conditionTokens';

/** Fields whose one value a facet chooses. */
export type FacetField = 'type' | 'node' | 'from' | 'to' | 'session' | 'outcome';

/** A value as a condition writes it: without quotes where it can be. */
export function literal(value: string): string {
  const isBare = /^[^\s()[\]{},"'`=!<>&|\\;≠*/][^\s()[\]{},"'`=!<>&|\\;≠*]*$|^\/[^\s()[\]{},"'`=!<>&|\\;≠*]+$/.test(value);
  const isWord = !['and', 'or', 'not', 'in', 'contains', 'matches', 'exists'].includes(value.toLowerCase()) && value !== 'null';
  // JSON's `\b` and `\f` are no escapes of conditions.
  return isBare && isWord ? value : JSON.stringify(value).replaceAll('\\b', '\\u0008').replaceAll('\\f', '\\u000c');
}

/** The parts of a condition that `and` joins at its top; `null` where there are none, or they can't be told. */
function conjuncts(tokens: Token[]): Token[][] | null {
  const parts: Token[][] = [[]];
  let depth = 0;
  for (const token of tokens) {
    if (token.kind === 'sign' && '(['.includes(token.value)) depth += 1;
    if (token.kind === 'sign' && ')]'.includes(token.value)) depth -= 1;
    const isSign = token.kind === 'sign' && depth === 0;
    if (depth === 0 && (isKeyword(token, 'or') || (isSign && token.value === '||'))) return null;
    if (depth === 0 && (isKeyword(token, 'and') || (isSign && token.value === '&&'))) parts.push([]);
    else parts.at(-1)?.push(token);
  }
  return parts.some((part) => part.length === 0) ? null : parts;
}

function valueOf(part: Token[], field: FacetField): string | null {
  const [name, sign, value, ...more] = part;
  const isTest = name?.kind === 'word' && name.value === field && !name.star && sign?.kind === 'sign' && (sign.value === '=' || sign.value === '==');
  return isTest && value !== undefined && !value.star && more.length === 0 && (value.kind === 'text' || value.kind === 'word') ? value.value : null;
}

/** The value that a condition asks of a field by `field = value`, at its top; `null` when it doesn't. */
export function facetOf(input: string, field: FacetField): string | null {
  const parts = conjuncts(tokenize(input) ?? []);
  return parts?.map((part) => valueOf(part, field)).find((value) => value !== null) ?? null;
}

/** The condition with `field = value` at its top in place of such a test before it, or without one when `value` is `null`. */
export function withFacet(input: string, field: FacetField, value: string | null): string {
  const condition = parseFilter(input).kind === 'all' ? '' : asCondition(input);
  const added = value === null ? [] : [`${field} = ${literal(value)}`];
  if (condition === '') return added.join('');
  const parts = conjuncts(tokenize(condition) ?? []);
  if (parts === null) return value === null ? input : [`(${condition})`, ...added].join(' and ');
  const kept = parts.filter((part) => valueOf(part, field) === null);
  if (value === null && kept.length === parts.length) return input;
  return [...kept.map((part) => condition.slice(part[0]?.start, part.at(-1)?.end)), ...added].join(' and ');
}
