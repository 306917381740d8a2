import { parseExact } from '../shared/lib/exactJson';
import type { EventDetail, FirstAnswer, Problem, TopologyAnswer } from './types';
import { currentUrlState } from './useUrlState';

/** A problem document, or a network failure (`code` `unreachable`). */
export class ApiError extends Error {
  readonly code: string;
  readonly status: number;
  /** Where in a condition the error is, in UTF-16 code units. */
  readonly position: number | null;

  constructor({ code, detail, status, position }: Pick<Problem, 'code' | 'detail' | 'status' | 'position'>) {
    super(detail);
    this.name = 'ApiError';
    this.code = code;
    this.status = status;
    this.position = position ?? null;
  }
}

type Query = Record<string, string | number | boolean | undefined>;

async function getText(path: string, query: Query, signal?: AbortSignal): Promise<string> {
  const params = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) if (value !== undefined) params.set(name, String(value));
  const { workspace } = currentUrlState();
  if (workspace !== null) params.set('workspace', workspace);
  const search = params.toString();
  let response: Response;
  let body: string;
  try {
    response = await fetch(search === '' ? path : `${path}?${search}`, { signal: signal ?? null, headers: { accept: 'application/json' } });
    body = await response.text();
  } catch (cause) {
    if (signal?.aborted === true) throw cause;
    throw new ApiError({ code: 'unreachable', detail: String(cause), status: 0 });
  }
  if (response.ok) return body;
  let problem: Partial<Problem> = {};
  try {
    problem = JSON.parse(body) as Partial<Problem>;
  } catch {
    // Not every intermediary answers with a problem document; the status stands alone then.
  }
  throw new ApiError({
    code: problem.code ?? 'unknown',
    detail: problem.detail ?? response.statusText,
    status: response.status,
    position: problem.position ?? null,
  });
}

/** An answer of the server. Its numbers keep the digits that were sent; what is read as a number is one where JavaScript can hold it. */
export async function getJson(path: string, query: Query, signal?: AbortSignal): Promise<unknown> {
  return parseExact(await getText(path, query, signal));
}

/** One event with its links. Its numbers keep the digits that were sent. */
export async function fetchEvent(seq: number, signal: AbortSignal): Promise<EventDetail> {
  return parseExact(await getText(`/api/events/${String(seq)}`, {}, signal)) as EventDetail;
}

export interface TopologyQuery {
  at?: number | undefined;
  session_id?: string | undefined;
  run_id?: number | undefined;
}

/** The topology as of a position, of all records or of those of a session or a run. */
export async function fetchTopologyOf(query: TopologyQuery, signal: AbortSignal): Promise<TopologyAnswer> {
  return JSON.parse(await getText('/api/topology', { ...query }, signal)) as TopologyAnswer;
}

export interface FirstQuery {
  /** A condition, as `docs/conditions.md` has them. */
  where: string;
  direction: 'forward' | 'backward';
  from_seq?: number;
  to_seq?: number;
}

/** The oldest (`forward`) or newest event in a range for which a condition holds, however far the server has to look. */
export async function fetchFirst(query: FirstQuery, signal?: AbortSignal): Promise<{ event: { seq: number; timeUs: number } | null }> {
  let range = { ...query };
  for (;;) {
    const answer = JSON.parse(await getText('/api/events/first', { ...range }, signal)) as FirstAnswer;
    if (answer.event !== null) return { event: { seq: answer.event.studioseq, timeUs: Date.parse(answer.event.studioreceived) * 1000 } };
    if (answer.complete) return { event: null };
    range = query.direction === 'forward' ? { ...range, from_seq: answer.scanned_through + 1 } : { ...range, to_seq: answer.scanned_through - 1 };
  }
}
