import { getJson } from './api';

/** The shapes of `/api/memory` and `/api/state`, as `docs/http-api.md` gives them. */
export interface Origin {
  seq: number;
  node: string;
}

export interface MemoryOwner {
  node_id: string;
  session_id: string;
  /** `null` for a node that reported a project state object alone. */
  entries: number | null;
  last_seq: number;
}

export interface EntryFacts {
  entry_id: string;
  tier: string;
  reported_tier: string;
  role: string | null;
  importance: number | null;
  timestamp: string;
  seq: number;
  node: string;
  changed: Origin;
  sources: string[] | null;
}

export interface MemoryEntry extends EntryFacts {
  content: unknown;
  content_is: 'here' | 'not_reported' | 'deleted' | 'over_limit';
  metadata: unknown;
}

export type MemoryEvent = Origin &
  (
    | { kind: 'rewritten' | 'evicted' | 'written'; entry_id: string; tier?: string }
    | { kind: 'promoted'; entry_id: string; from: string; to: string }
    | { kind: 'consolidated'; sources: string[]; into: string | null }
    | { kind: 'cleared'; tier?: string | null }
  );

export type MemoryChange = { cause: Origin; is_exact: boolean; entry: EntryFacts } & (
  | { kind: 'added' }
  | { kind: 'moved'; from: string }
  | { kind: 'evicted'; into: string | null; reason: string | null }
);

export interface Fault extends Origin {
  index: number;
  reason: string;
}

export interface Memory {
  node_id: string;
  session_id: string;
  memory: MemoryEntry[];
  total: number;
  tiers: Record<string, { entries: number; reported: Record<string, number> }>;
  pso: unknown;
  pso_written: Origin | null;
  pso_changed: Origin | null;
  history: MemoryEvent[];
  history_dropped: number;
  faults: Fault[];
  faults_dropped: number;
  diff?: MemoryChange[];
  diff_total?: number;
  at: number;
}

export interface StateChange {
  path: string;
  before?: unknown;
  after?: unknown;
  cause: Origin;
  is_exact: boolean;
}

export interface StateAnswer {
  session_id: string;
  path: string;
  value: unknown;
  written: Origin | null;
  changed: Origin | null;
  faults: Fault[];
  faults_dropped: number;
  diff?: StateChange[];
  diff_total?: number;
  blame?: { levels: { path: string; written: Origin; changed: Origin }[]; touched: Origin[]; touches_dropped: number };
  at: number;
}

/** A position, and what of it is asked. Absent: the head. */
export interface AsOf {
  at?: number | undefined;
  session_id?: string | undefined;
  diff_from?: number | undefined;
}

export async function fetchOwners(asOf: AsOf, signal: AbortSignal): Promise<{ owners: MemoryOwner[]; total: number }> {
  return (await getJson('/api/memory', { ...asOf, limit: 1000 }, signal)) as { owners: MemoryOwner[]; total: number };
}

export async function fetchMemory(node: string, asOf: AsOf & { limit: number }, signal: AbortSignal): Promise<Memory> {
  // The slashes of a node's id stand in the path as they are.
  const path = node.split('/').map(encodeURIComponent).join('/');
  return (await getJson(`/api/memory/${path}`, { ...asOf }, signal)) as Memory;
}

export async function fetchState(query: AsOf & { path?: string; blame?: boolean }, signal: AbortSignal): Promise<StateAnswer> {
  return (await getJson('/api/state', { ...query }, signal)) as StateAnswer;
}
