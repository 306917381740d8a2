import { parseExact } from '../shared/lib/exactJson';
import type { EventDetail, Problem, TopologyAnswer } from './types';
import { currentUrlState } from './useUrlState';

/** A problem document, or a network failure (`code` `unreachable`). */
export class ApiError extends Error {
  readonly code: string;
  readonly status: number;

  constructor({ code, detail, status }: Pick<Problem, 'code' | 'detail' | 'status'>) {
    super(detail);
    this.name = 'ApiError';
    this.code = code;
    this.status = status;
  }
}

async function getText(path: string, query: Record<string, string>, signal: AbortSignal): Promise<string> {
  const params = new URLSearchParams(query);
  const { workspace } = currentUrlState();
  if (workspace !== null) params.set('workspace', workspace);
  const search = params.toString();
  let response: Response;
  let body: string;
  try {
    response = await fetch(search === '' ? path : `${path}?${search}`, { signal, headers: { accept: 'application/json' } });
    body = await response.text();
  } catch (cause) {
    if (signal.aborted) throw cause;
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
  });
}

/** One event with its links. Its numbers keep the digits that were sent. */
export async function fetchEvent(seq: number, signal: AbortSignal): Promise<EventDetail> {
  return parseExact(await getText(`/api/events/${String(seq)}`, {}, signal)) as EventDetail;
}

/** The topology as it was when `at` was the newest record. */
export async function fetchTopology(at: number, signal: AbortSignal): Promise<TopologyAnswer> {
  return JSON.parse(await getText('/api/topology', { at: String(at) }, signal)) as TopologyAnswer;
}
