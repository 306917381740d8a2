import { ExactNumber } from '../shared/lib/exactJson';

/** Bounds of the language, as `docs/conditions.md` has them. */
const BYTES_AT_MOST = 4096;
const STEPS_AT_MOST = 32;

const KEYWORDS = new Set(['and', 'or', 'not', 'in', 'contains', 'matches', 'exists']);

/** A condition's text for a string. The language knows fewer escapes than JSON. */
export function quoted(text: string): string {
  // JSON writes all other control characters as \uXXXX already.
  return JSON.stringify(text).replaceAll(/\\[\\"/nrtu]|\\b|\\f/g, (escape) => (escape === '\\b' ? '\\u0008' : escape === '\\f' ? '\\u000c' : escape));
}

function named(name: string): string {
  return /^[A-Za-z_$@][\w$@-]*$/.test(name) && !KEYWORDS.has(name.toLowerCase()) ? `.${name}` : `.${quoted(name)}`;
}

/** Fields of the language by the member of an event that they read. */
const FIELDS: Readonly<Record<string, string>> = {
  id: 'id',
  source: 'source',
  subject: 'subject',
  type: 'type',
  time: 'time',
  studioseq: 'seq',
  studioreceived: 'received',
  studiosession: 'session',
  causationid: 'causation',
};

function isContainer(value: unknown): value is object {
  return typeof value === 'object' && value !== null && !(value instanceof ExactNumber);
}

function stepsOf(pointer: string): string[] {
  return pointer
    .split('/')
    .slice(1)
    .map((step) => step.replaceAll('~1', '/').replaceAll('~0', '~'));
}

/** The field of a member of an event, with the value it has there. `null` where the language has no field for it. */
function fieldAt(event: Readonly<Record<string, unknown>>, pointer: string): { field: string; value: unknown } | null {
  const [first, ...rest] = stepsOf(pointer);
  if (first === undefined || rest.length > STEPS_AT_MOST || !Object.hasOwn(event, first)) return null;
  let value: unknown = event[first];
  if (first !== 'data') return rest.length > 0 ? null : { field: Object.hasOwn(FIELDS, first) ? (FIELDS[first] ?? '') : `ext${named(first)}`, value };
  let field = 'data';
  for (const step of rest) {
    if (!isContainer(value) || !Object.hasOwn(value, step)) return null;
    field += Array.isArray(value) ? `[${step}]` : named(step);
    value = (value as Record<string, unknown>)[step];
  }
  return { field, value };
}

/**
 * The condition that holds for events which have at `pointer` what this one has there: that it exists, for an object or an array.
 * `null` where the language has no field for it, or the condition would be longer than it allows.
 */
export function fieldCondition(event: Readonly<Record<string, unknown>>, pointer: string): string | null {
  const found = fieldAt(event, pointer);
  if (found === null) return null;
  const { field, value } = found;
  let condition: string;
  if (isContainer(value)) condition = `exists ${field}`;
  else if (value instanceof ExactNumber) condition = `${field} = ${value.source}`;
  else condition = `${field} = ${typeof value === 'string' ? quoted(value) : String(value)}`;
  return new TextEncoder().encode(condition).length > BYTES_AT_MOST ? null : condition;
}

/** The condition that holds for events of one type. */
export function typeCondition(type: string): string {
  return `type = ${quoted(type)}`;
}

/** The condition that holds for what a node sends, or for what is sent to it. */
export function nodeCondition(end: 'from' | 'to', node: string): string {
  return `${end} = ${quoted(node)}`;
}
