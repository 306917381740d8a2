/** The REST shapes this page reads, as `docs/http-api.md` gives them. Members the page doesn't use are left out. */

export type NodeStatus = 'idle' | 'running' | 'error';

export interface TopologyNode {
  id: string;
  type: string;
  name: string;
  role: string | null;
  status: NodeStatus;
  status_reason: string | null;
  metadata: Record<string, unknown>;
  evidence: Record<string, { seq: number; rule: string } | undefined>;
  events: number;
  open_calls: number;
  errors: number;
  first_seq: number;
  last_seq: number;
  last_time: string;
}

export interface TopologyEdge {
  from: string;
  to: string;
  count: number;
  open: number;
  errors: number;
  latency_ms: { p50: number; p95: number; p99: number } | null;
  last_seq: number;
  last_time: string;
}

export interface EventLink {
  seq: number;
  id: string;
  type: string;
  source: string;
  target: string | null;
  trust: 'causation' | 'request_id' | 'traceparent';
}

export interface Observation {
  seq: number;
  phase: 'pre' | 'post' | 'blocked' | 'timeout' | 'raised';
  at: string;
  changed: Record<string, unknown>;
}

export interface EventDetail {
  event: Record<string, unknown>;
  source: string;
  target: string | null;
  session_id: string;
  time: string;
  links: {
    cause: EventLink | null;
    request: EventLink | null;
    response: EventLink | null;
    effects: EventLink[];
  };
  observations: Observation[];
}

export interface Problem {
  code: string;
  title: string;
  detail: string;
  status: number;
}
