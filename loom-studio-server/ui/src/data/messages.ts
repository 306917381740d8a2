import type { TopologyFrame } from './protocol';
import type { ScreenPiece } from './timeAxis';

/** Which events the log shows. */
export interface LogFilter {
  /** As typed: a condition, bare words, or nothing. */
  text: string;
  run: number | null;
  range: { fromUs: number; toUs: number } | null;
  /** The Loom process that the page narrows to. */
  session: string | null;
}

/** What the main thread says to the data worker. */
export type ToWorker =
  | { type: 'start'; url: string; pausedAt: number | null; epoch: string | null }
  | { type: 'filter'; id: number; filter: LogFilter }
  | { type: 'older' }
  | { type: 'fill'; from: number; to: number }
  | { type: 'pause'; seq: number | null }
  | { type: 'window'; first: number | 'tail'; count: number }
  | { type: 'step'; id: number; seq: number | null; delta: number }
  | { type: 'facets'; id: number }
  | { type: 'overview'; id: number; from: number; to: number; parts: number }
  | { type: 'neighbour'; id: number; seq: number; delta: 1 | -1 }
  | { type: 'extent'; id: number }
  | { type: 'timeline'; id: number; pieces: ScreenPiece[]; width: number; lanes: string[]; marksAtMost: number }
  | { type: 'times'; id: number; seqs: number[] }
  | { type: 'latencies'; id: number; parts: number }
  | { type: 'nearest'; id: number; timeUs: number }
  | { type: 'taken' }
  | { type: 'retry' };

/** `connecting`: first attempt. `reconnecting`: lost, retrying. `offline`: several attempts failed, still retrying. */
export type Phase = 'connecting' | 'live' | 'lagging' | 'reconnecting' | 'offline';

export interface StatusMessage {
  type: 'status';
  phase: Phase;
  /** When the next attempt starts, in `Date.now()` milliseconds. */
  retryAt: number | null;
  server: string | null;
  epoch: string | null;
  /** Newest seq known to be on the server. */
  headSeq: number;
  /** Oldest seq the server held when it last said hello. */
  serverFirstSeq: number;
  /** Oldest seq held by this page; 0 when it holds none. */
  heldFirstSeq: number;
  /** Events held by this page. */
  held: number;
  /** Events received per second. */
  rate: number;
  /** Records the server leaves out while the page lags. */
  skipped: number;
  /** The last `error` frame's code, kept until the next hello. */
  error: { code: string; detail: string } | null;
}

/** What the log shows, and what it leaves out. */
export interface WindowFacts {
  /** The rows are the server's answer, as the filter needs more than this page holds of an event. */
  isServers: boolean;
  /** An answer of the server is on its way. */
  isLoading: boolean;
  /** The filter is the one asked for; if not, what is shown is what was before. */
  isApplied: boolean;
  /** Why the server didn't answer. */
  problem: { code: string; detail: string; position: number | null } | null;
  /** Events before the first row that the server has and that can be loaded. */
  older: { from: number; to: number } | null;
  /** Rows from before what this page holds. */
  loaded: number;
  /** Of the server's answer: events it looked at one by one, matches it knows of, and whether those are all. */
  looked: number;
  total: number;
  isExact: boolean;
  /** Rows between `first` and `end` that stand for gaps. */
  gaps: number;
  /** Rows that arrived since the pause and aren't shown. */
  pending: number;
  /** Words can't be looked for in previews of events before this seq; 0 when they were in all of them. */
  previewsFrom: number;
}

/**
 * One window of the filtered log. Rows are named by *ordinal*: the number of matches before it since the filter was set,
 * counted on when old rows are dropped, so that an ordinal keeps naming the same row.
 */
export interface ViewMessage extends WindowFacts {
  type: 'view';
  filterId: number;
  /** Ordinals that can be asked for: `first` ≤ ordinal < `end`. */
  first: number;
  end: number;
  /** Ordinal of the first row in this window. */
  offset: number;
  seq: Float64Array;
  timeUs: Float64Array;
  bytes: Float64Array;
  outcome: Uint8Array;
  /** Last seq of the range when the row stands for a gap, else 0. */
  gapTo: Float64Array;
  kind: string[];
  source: string[];
  target: string[];
  session: string[];
  preview: (string | null)[];
}

export interface Facet {
  value: string;
  count: number;
}

export interface FacetsMessage {
  type: 'facets';
  id: number;
  types: Facet[];
  nodes: Facet[];
  sessions: Facet[];
}

/** The answer to `step`: the row that the selection moved to. `seq` is null when the view is empty. */
export interface SteppedMessage {
  type: 'stepped';
  id: number;
  seq: number | null;
  ordinal: number;
}

/** How many events, and errors among them, each part of a range of seqs holds. */
export interface OverviewMessage {
  type: 'overview';
  id: number;
  events: Uint32Array;
  errors: Uint32Array;
}

/** The event next to a seq; `found` is null where this page doesn't hold it. */
export interface NeighbourMessage {
  type: 'neighbour';
  id: number;
  found: { seq: number; timeUs: number } | null;
}

/** A lane of the timeline: a node, with what is held of it. */
export interface Lane {
  node: string;
  events: number;
  errors: number;
  calls: number;
}

/** From when to when events are held, where long stretches have none, and the lanes in the order in which they began. */
export interface ExtentMessage {
  type: 'extent';
  id: number;
  fromUs: number;
  toUs: number;
  gaps: { fromUs: number; toUs: number }[];
  lanes: Lane[];
  firstError: { seq: number; timeUs: number; node: string } | null;
}

/** Events and calls of a window, per lane and pixel, and one by one where they are few. */
export interface TimelineMessage {
  type: 'timeline';
  id: number;
  width: number;
  events: Uint32Array;
  errors: Uint32Array;
  /** Calls that run at each pixel; a lane has `width + 1` of them. */
  busy: Int32Array;
  shown: number;
  marks: { lane: Uint16Array; seq: Float64Array; x: Float32Array; outcome: Uint8Array } | null;
  bars: { lane: Uint16Array; seq: Float64Array; x0: Float32Array; x1: Float32Array; state: Uint8Array; depth: Uint8Array } | null;
}

/** When events were; NaN of those that aren't held. */
export interface TimesMessage {
  type: 'times';
  id: number;
  times: Float64Array;
}

/** How long calls took, over the time of which events are held; NaN where none ended. */
export interface LatenciesMessage {
  type: 'latencies';
  id: number;
  timesUs: Float64Array;
  p50: Float64Array;
  p95: Float64Array;
  p99: Float64Array;
}

export interface NearestMessage {
  type: 'nearest';
  id: number;
  found: { seq: number; timeUs: number } | null;
}

/** What is the answer to one question. */
export type Answer =
  | FacetsMessage
  | SteppedMessage
  | OverviewMessage
  | NeighbourMessage
  | ExtentMessage
  | TimelineMessage
  | TimesMessage
  | LatenciesMessage
  | NearestMessage;

export type FromWorker =
  | StatusMessage
  | ViewMessage
  | Answer
  | { type: 'topology'; frame: TopologyFrame }
  | { type: 'reset'; epoch: string; previous: string | null };
