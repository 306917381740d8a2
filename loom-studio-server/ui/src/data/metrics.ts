import { getJson } from './api';
import type { Tokens } from './runs';

/** The shapes of `/api/metrics`, as `docs/http-api.md` gives them. `null` is "not reported", never 0. */
export interface Latency {
  p50: number;
  p95: number;
  p99: number;
}

export interface CallCounts {
  answered: number;
  failed: number;
  late: number;
  unanswered: number;
  open: number;
  blocked: number;
  rate: number | null;
}

export interface Throughput {
  bucket_nanos: number;
  start: string;
  offsets: number[];
  counts: number[];
  errors: number[];
}

export interface Bottleneck {
  node: string;
  type: string;
  critical_nanos: number;
  in_vain_nanos: number;
  share: number;
  calls: number;
  runs: number;
}

export interface Metrics {
  tokens: { by_node: (Tokens & { node: string })[]; by_model: (Tokens & { model: string | null })[]; total: Tokens | null };
  response_times: {
    by_node: { node: string; count: number; latency_ms: Latency | null }[];
    by_type: { type: string; count: number; latency_ms: Latency | null }[];
    by_model: { model: string | null; count: number; latency_ms: Latency | null }[];
  };
  throughput: Throughput | null;
  error_rate: { overall: CallCounts; by_node: (CallCounts & { node: string })[] };
  bottlenecks: { nodes: Bottleneck[]; critical_nanos: number; runs: number; runs_left_out: number };
  left_out: number;
  is_complete: boolean;
  at: number;
}

export interface MetricsQuery {
  at?: number | undefined;
  session_id?: string | undefined;
  run_id?: number | undefined;
  node_id?: string | undefined;
}

export async function fetchMetrics(query: MetricsQuery, signal: AbortSignal): Promise<Metrics> {
  return (await getJson('/api/metrics', { ...query }, signal)) as Metrics;
}
