import { getJson } from './api';

/** The shapes of `/api/runs`, as `docs/http-api.md` gives them. What a call doesn't have is absent. */
export const RUN_STATUSES = ['running', 'ok', 'failed', 'unanswered'] as const;
export type RunStatus = (typeof RUN_STATUSES)[number];

export type CallStatus = 'running' | 'ok' | 'error' | 'error_result' | 'inner_error' | 'late' | 'unanswered' | 'blocked';

export interface Tokens {
  input: number | null;
  output: number | null;
  total: number | null;
  cached: number | null;
  reasoning: number | null;
}

export interface Run {
  id: number;
  root: { seq: number; id: string | null; type: string | null; from: string; node: string };
  session_id: string;
  status: RunStatus;
  start: string;
  duration_ms: number;
  first_seq: number;
  last_seq: number;
  events: number;
  calls: number;
  open_calls: number;
  roots: number;
  errors: number;
  tokens: Tokens | null;
}

export interface RunsPage {
  runs: Run[];
  total: number;
  next_cursor: string | null;
  at: number;
}

export interface Call {
  request: number;
  from: string;
  to: string;
  start: string;
  end?: { event: number; time: string; trust: string; error?: string | null } | null;
  status: CallStatus;
  parent?: number | null;
  link?: { trust: string; evidence: number } | null;
  candidates?: number[];
  is_cycle?: boolean;
  events?: { event: number; trust: string }[];
  duration_ms: number;
  self_ms: number;
  on_critical_path?: boolean;
  critical_ms?: number;
  waited_until?: string | null;
  is_unheard?: boolean;
  tokens?: Tokens | null;
}

export interface Explanation {
  code: string;
  /** English, for whoever doesn't know the code. */
  text: string;
  event: number;
  node: string;
  callee?: string | null;
  error?: string | null;
  waited_ms?: number | null;
  after_ms?: number | null;
}

export interface RunDetail {
  run: Run;
  calls: Call[];
  roots: number[];
  unplaced: { event: number; candidates: number[] }[];
  critical_path: { call: number; from: string; until: string; duration_ms: number; pursuit: string }[];
  failure: { call: number | null; is_fatal: boolean; chain: Explanation[] } | null;
  deleted_records: number;
  at: number;
}

export interface RunsQuery {
  at?: number | undefined;
  session_id?: string | undefined;
  /** Of the root's caller or callee. */
  node_id?: string | undefined;
  status?: RunStatus | undefined;
  order?: '-seq' | 'seq' | '-duration' | 'duration';
  limit?: number;
}

export async function fetchRuns(query: RunsQuery, signal: AbortSignal): Promise<RunsPage> {
  return (await getJson('/api/runs', { ...query }, signal)) as RunsPage;
}

export async function fetchRun(id: number, at: number | undefined, signal: AbortSignal): Promise<RunDetail> {
  return (await getJson(`/api/runs/${String(id)}`, { at }, signal)) as RunDetail;
}
