import type { TopologyEdge, TopologyNode } from './types';

/** The frames of `loom-studio.v1` on `/ws/events`, as `docs/ws-protocol.md` gives them. */
export const SUBPROTOCOL = 'loom-studio.v1';

export interface HelloFrame {
  type: 'hello';
  protocol: string;
  server: string;
  epoch: string;
  first_seq: number;
  head_seq: number;
  now_us: number;
}

export interface EventColumns {
  seq: number[];
  time_us: number[];
  type: number[];
  source: number[];
  target: number[];
  session: number[];
  outcome: number[];
  bytes: number[];
  /** Of a reply the seq of its request; of a request its own, or that of a reply that came before it; else 0. */
  call?: number[];
  preview?: (string | null)[];
}

export interface EventsFrame {
  type: 'events';
  sub: number;
  through_seq: number;
  dict: string[];
  n: number;
  cols: EventColumns;
  obs?: { seq: number[]; of: number[]; phase: number[]; at_us: number[] };
}

export interface TopologyFrame {
  type: 'topology';
  sub: number;
  at_seq: number;
  reset: boolean;
  nodes: TopologyNode[];
  edges: TopologyEdge[];
  removed_nodes: string[];
  removed_edges: [string, string][];
}

export interface GapFrame {
  type: 'gap';
  sub: number;
  from_seq: number;
  to_seq: number;
  reason: string;
}

export interface CountersFrame {
  type: 'counters';
  sub: number;
  head_seq: number;
  skipped: number;
}

export interface ErrorFrame {
  type: 'error';
  sub: number | null;
  code: string;
  detail: string;
}

export type ServerFrame = HelloFrame | EventsFrame | TopologyFrame | GapFrame | CountersFrame | ErrorFrame;

const KNOWN: ReadonlySet<string> = new Set(['hello', 'events', 'topology', 'gap', 'counters', 'error']);

/** Reads one text frame. `null` for what isn't a frame or is of a type this page doesn't know: receivers ignore those. */
export function parseFrame(text: string): ServerFrame | null {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return null;
  }
  if (typeof value !== 'object' || value === null || !('type' in value)) return null;
  return typeof value.type === 'string' && KNOWN.has(value.type) ? (value as ServerFrame) : null;
}

export type SubscribeFrom = { after_seq: number; epoch: string } | { last: number };

export interface SubscribeFrame {
  type: 'subscribe';
  sub: number;
  from: SubscribeFrom;
  preview: true;
  topology: true;
  window: number;
}

export interface AckFrame {
  type: 'ack';
  sub: number;
  through_seq: number;
}

export type ClientFrame = SubscribeFrame | AckFrame;
