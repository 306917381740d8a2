import type { ScreenPiece } from '../timeAxis';
import { Outcome } from '../outcome';
import type { Columns } from './columns';

/** A caller of Loom waits no longer for a reply: what has none by then has failed. */
export const CALL_TIMEOUT_US = 30_000_000;

/** How a call stands: `Open` still waits, `Lost` never got a reply. */
export const CallState = { Open: 0, Ok: 1, Error: 2, Lost: 3 } as const;

export interface LaneInfo {
  /** The node's number in the string table. */
  node: number;
  events: number;
  errors: number;
  calls: number;
  firstUs: number;
}

export interface Extent {
  fromUs: number;
  toUs: number;
  /** Stretches in which nothing happened, in order. */
  gaps: { fromUs: number; toUs: number }[];
  lanes: LaneInfo[];
  firstError: { seq: number; timeUs: number; node: number } | null;
}

const BUCKETS = 4096;
/** Stretches without events that take at least this share of the whole are gaps. */
const GAP_SHARE = 0.02;

/** The lane an event is drawn in: that of its sender. */
function laneNode(columns: Columns, row: number): number {
  return columns.source(row);
}

function isEvent(columns: Columns, row: number): boolean {
  return columns.outcome(row) !== Outcome.Gap;
}

/** A request, whatever became of it. */
function isRequest(columns: Columns, row: number): boolean {
  return columns.call(row) !== 0 && columns.outcome(row) === Outcome.None;
}

/** From when to when there are events, where long stretches have none, and which nodes there are. */
export function extent(columns: Columns): Extent {
  let fromUs = Number.POSITIVE_INFINITY;
  let toUs = Number.NEGATIVE_INFINITY;
  const lanes = new Map<number, LaneInfo>();
  let firstError: Extent['firstError'] = null;
  const laneOf = (node: number, timeUs: number): LaneInfo => {
    let lane = lanes.get(node);
    if (lane === undefined) {
      lane = { node, events: 0, errors: 0, calls: 0, firstUs: timeUs };
      lanes.set(node, lane);
    }
    return lane;
  };
  for (let row = columns.first; row < columns.end; row += 1) {
    if (!isEvent(columns, row)) continue;
    const timeUs = columns.timeUs(row);
    if (timeUs < fromUs) fromUs = timeUs;
    if (timeUs > toUs) toUs = timeUs;
    const node = laneNode(columns, row);
    const lane = laneOf(node, timeUs);
    lane.events += 1;
    if (timeUs < lane.firstUs) lane.firstUs = timeUs;
    if (columns.outcome(row) === Outcome.Error) {
      lane.errors += 1;
      if (firstError === null || timeUs < firstError.timeUs) firstError = { seq: columns.seq(row), timeUs, node };
    }
    if (isRequest(columns, row)) laneOf(columns.target(row), timeUs).calls += 1;
  }
  // A caller comes before whom it calls: the map has it first, and sorting keeps that.
  if (fromUs > toUs) return { fromUs: 0, toUs: 0, gaps: [], lanes: [], firstError: null };
  return { fromUs, toUs, gaps: gapsOf(columns, fromUs, toUs), lanes: [...lanes.values()].sort((a, b) => a.firstUs - b.firstUs), firstError };
}

/** A bucket is busy when an event falls in it, or a call that ended runs through it. */
function gapsOf(columns: Columns, fromUs: number, toUs: number): { fromUs: number; toUs: number }[] {
  const length = toUs - fromUs;
  if (length <= 0) return [];
  const starts = new Int32Array(BUCKETS + 1);
  const bucketOf = (timeUs: number): number => Math.min(BUCKETS - 1, Math.floor(((timeUs - fromUs) / length) * BUCKETS));
  for (let row = columns.first; row < columns.end; row += 1) {
    if (!isEvent(columns, row)) continue;
    const at = bucketOf(columns.timeUs(row));
    const until = isRequest(columns, row) ? Math.max(at, bucketOf(endOf(columns, row) ?? columns.timeUs(row))) : at;
    starts[at] = (starts[at] as number) + 1;
    starts[until + 1] = (starts[until + 1] as number) - 1;
  }
  const gaps: { fromUs: number; toUs: number }[] = [];
  const shortest = Math.max(2, Math.ceil(BUCKETS * GAP_SHARE));
  let busy = 0;
  let idleSince = -1;
  for (let bucket = 0; bucket <= BUCKETS; bucket += 1) {
    busy += starts[bucket] as number;
    const isIdle = bucket < BUCKETS && busy === 0;
    if (isIdle && idleSince === -1) idleSince = bucket;
    if (!isIdle && idleSince !== -1) {
      if (bucket - idleSince >= shortest) gaps.push({ fromUs: fromUs + (idleSince / BUCKETS) * length, toUs: fromUs + (bucket / BUCKETS) * length });
      idleSince = -1;
    }
  }
  return gaps;
}

/** When the call of a request ended; `null` while it is open. */
function endOf(columns: Columns, row: number): number | null {
  const other = columns.call(row);
  if (other === columns.seq(row)) return null;
  const reply = columns.lowerBound(other);
  return reply < columns.end && columns.seq(reply) === other ? columns.timeUs(reply) : null;
}

export interface TimelineQuery {
  pieces: ScreenPiece[];
  width: number;
  /** The nodes of the lanes, top to bottom; 0 is nobody. */
  lanes: number[];
  /** Up to so many events and calls are told one by one; more only as density. */
  marksAtMost: number;
}

export interface Marks {
  lane: Uint16Array<ArrayBuffer>;
  seq: Float64Array<ArrayBuffer>;
  x: Float32Array<ArrayBuffer>;
  outcome: Uint8Array<ArrayBuffer>;
}

export interface Bars {
  lane: Uint16Array<ArrayBuffer>;
  /** The request. */
  seq: Float64Array<ArrayBuffer>;
  x0: Float32Array<ArrayBuffer>;
  x1: Float32Array<ArrayBuffer>;
  state: Uint8Array<ArrayBuffer>;
  /** Calls of one lane that overlap stand below each other. */
  depth: Uint8Array<ArrayBuffer>;
}

export interface Timeline {
  width: number;
  /** Per lane and pixel: events, errors among them, and calls that run there. */
  events: Uint32Array<ArrayBuffer>;
  errors: Uint32Array<ArrayBuffer>;
  busy: Int32Array<ArrayBuffer>;
  /** Events and calls in the window. */
  shown: number;
  marks: Marks | null;
  bars: Bars | null;
}

/** Finds places on screen; events come nearly in order of time, so the piece of the last one is tried first. */
class Place {
  readonly #pieces: readonly ScreenPiece[];
  #last = 0;

  constructor(pieces: readonly ScreenPiece[]) {
    this.#pieces = pieces;
  }

  /** The x of a time; beyond the window less than 0 or more than its width. */
  of(timeUs: number): number {
    const pieces = this.#pieces;
    const first = pieces[0];
    const end = pieces.at(-1);
    if (first === undefined || end === undefined || timeUs < first.fromUs) return -1;
    if (timeUs > end.toUs) return end.x1 + 1;
    let at = this.#last;
    while (at > 0 && timeUs < (pieces[at] as ScreenPiece).fromUs) at -= 1;
    while (at < pieces.length - 1 && timeUs > (pieces[at] as ScreenPiece).toUs) at += 1;
    this.#last = at;
    const piece = pieces[at] as ScreenPiece;
    const length = piece.toUs - piece.fromUs;
    return length <= 0 ? piece.x0 : piece.x0 + ((timeUs - piece.fromUs) / length) * (piece.x1 - piece.x0);
  }
}

const DEEPEST = 250;

/**
 * What a window of the timeline shows. One pass over all rows, whatever the zoom: each row is put into its pixel, so the
 * cost depends neither on the number of marks nor on how calls overlap.
 */
export function timeline(columns: Columns, query: TimelineQuery): Timeline {
  const { width, lanes } = query;
  const place = new Place(query.pieces);
  const laneOf = new Int32Array(columns.strings.size).fill(-1);
  lanes.forEach((node, lane) => {
    if (node !== 0) laneOf[node] = lane;
  });
  const events = new Uint32Array(lanes.length * width);
  const errors = new Uint32Array(lanes.length * width);
  // Differences at first: +1 where a call begins, −1 behind its end.
  const busy = new Int32Array(lanes.length * (width + 1));
  const headUs = query.pieces.at(-1)?.toUs ?? 0;
  const marks: { lane: number; seq: number; x: number; outcome: number }[] = [];
  const bars: { lane: number; seq: number; x0: number; x1: number; state: number }[] = [];
  let shown = 0;
  let newestUs = Number.NEGATIVE_INFINITY;
  for (let row = columns.first; row < columns.end; row += 1) newestUs = Math.max(newestUs, columns.timeUs(row));

  for (let row = columns.first; row < columns.end; row += 1) {
    const outcome = columns.outcome(row);
    if (outcome === Outcome.Gap) continue;
    const timeUs = columns.timeUs(row);
    const x = place.of(timeUs);
    const lane = laneOf[columns.source(row)] as number;
    if (lane !== -1 && x >= 0 && x <= width) {
      const pixel = lane * width + Math.min(width - 1, Math.floor(x));
      events[pixel] = (events[pixel] as number) + 1;
      if (outcome === Outcome.Error) errors[pixel] = (errors[pixel] as number) + 1;
      shown += 1;
      if (shown <= query.marksAtMost) marks.push({ lane, seq: columns.seq(row), x, outcome });
    }
    if (!isRequest(columns, row)) continue;
    const target = laneOf[columns.target(row)] as number;
    if (target === -1 || timeUs > headUs) continue;
    const seq = columns.seq(row);
    const other = columns.call(row);
    let endUs = Math.min(newestUs, timeUs + CALL_TIMEOUT_US);
    let state: number = newestUs - timeUs > CALL_TIMEOUT_US ? CallState.Lost : CallState.Open;
    if (other !== seq) {
      const reply = columns.lowerBound(other);
      if (reply < columns.end && columns.seq(reply) === other) {
        // A reply may have arrived, and by its clock even been sent, before its request.
        endUs = Math.max(timeUs, columns.timeUs(reply));
        state = columns.outcome(reply) === Outcome.Error ? CallState.Error : CallState.Ok;
      }
    }
    const x1 = place.of(endUs);
    if (x1 < 0 || x > width) continue;
    const from = Math.max(0, Math.floor(x));
    const to = Math.min(width - 1, Math.floor(x1));
    const base = target * (width + 1);
    busy[base + from] = (busy[base + from] as number) + 1;
    busy[base + to + 1] = (busy[base + to + 1] as number) - 1;
    shown += 1;
    if (shown <= query.marksAtMost) bars.push({ lane: target, seq, x0: Math.max(-1, x), x1: Math.min(width + 1, x1), state });
  }
  for (let lane = 0; lane < lanes.length; lane += 1) {
    let running = 0;
    for (let x = 0; x <= width; x += 1) {
      const at = lane * (width + 1) + x;
      running += busy[at] as number;
      busy[at] = running;
    }
  }
  const isFew = shown <= query.marksAtMost;
  return {
    width,
    events,
    errors,
    busy,
    shown,
    marks: isFew
      ? {
          lane: Uint16Array.from(marks, ({ lane }) => lane),
          seq: Float64Array.from(marks, ({ seq }) => seq),
          x: Float32Array.from(marks, ({ x }) => x),
          outcome: Uint8Array.from(marks, ({ outcome }) => outcome),
        }
      : null,
    bars: isFew ? stacked(bars) : null,
  };
}

/** Gives each bar the first depth that is free where it begins. */
function stacked(bars: { lane: number; seq: number; x0: number; x1: number; state: number }[]): Bars {
  bars.sort((a, b) => a.lane - b.lane || a.x0 - b.x0 || a.seq - b.seq);
  const depth = new Uint8Array(bars.length);
  let ends: number[] = [];
  let lane = -1;
  bars.forEach((bar, index) => {
    if (bar.lane !== lane) {
      lane = bar.lane;
      ends = [];
    }
    let at = ends.findIndex((end) => end <= bar.x0);
    if (at === -1) at = Math.min(ends.length, DEEPEST);
    ends[at] = bar.x1;
    depth[index] = at;
  });
  return {
    lane: Uint16Array.from(bars, (bar) => bar.lane),
    seq: Float64Array.from(bars, ({ seq }) => seq),
    x0: Float32Array.from(bars, ({ x0 }) => x0),
    x1: Float32Array.from(bars, ({ x1 }) => x1),
    state: Uint8Array.from(bars, ({ state }) => state),
    depth,
  };
}

/** The times of seqs that are held; NaN of others. */
export function timesOf(columns: Columns, seqs: readonly number[]): Float64Array<ArrayBuffer> {
  return Float64Array.from(seqs, (seq) => {
    const row = columns.lowerBound(seq);
    return row < columns.end && columns.seq(row) === seq ? columns.timeUs(row) : Number.NaN;
  });
}

/** The event held that is nearest to a time. */
export function nearest(columns: Columns, timeUs: number): { seq: number; timeUs: number } | null {
  let best: { seq: number; timeUs: number } | null = null;
  for (let row = columns.first; row < columns.end; row += 1) {
    if (!isEvent(columns, row)) continue;
    const at = columns.timeUs(row);
    if (best === null || Math.abs(at - timeUs) < Math.abs(best.timeUs - timeUs)) best = { seq: columns.seq(row), timeUs: at };
  }
  return best;
}
