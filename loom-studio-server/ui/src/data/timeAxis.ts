/**
 * A time axis on which long stretches without events take little room. Places on it are *axis time*: microseconds with each
 * compressed gap shortened. Pieces are in order and meet; between the ends of a piece the axis is linear.
 */
export interface AxisPiece {
  fromUs: number;
  toUs: number;
  /** Axis time of both ends. */
  from: number;
  to: number;
  isGap: boolean;
}

export interface TimeAxis {
  pieces: readonly AxisPiece[];
  /** Axis time of the beginning and the end. */
  from: number;
  to: number;
}

/** A stretch of time on screen: the part of a piece that a window shows, and where. */
export interface ScreenPiece {
  fromUs: number;
  toUs: number;
  x0: number;
  x1: number;
  isGap: boolean;
}

/** What a gap takes of the axis, as a share of the time that isn't gaps. */
const GAP_SHARE = 0.012;

/** The axis from `fromUs` to `toUs` with these gaps, in order and apart, shortened. */
export function timeAxis(fromUs: number, toUs: number, gaps: readonly { fromUs: number; toUs: number }[]): TimeAxis {
  const idle = gaps.reduce((sum, gap) => sum + gap.toUs - gap.fromUs, 0);
  const width = Math.max(1, (toUs - fromUs - idle) * GAP_SHARE);
  const pieces: AxisPiece[] = [];
  let at = 0;
  let time = fromUs;
  const push = (until: number, isGap: boolean): void => {
    if (until <= time) return;
    const to = at + (isGap ? Math.min(width, until - time) : until - time);
    pieces.push({ fromUs: time, toUs: until, from: at, to, isGap });
    at = to;
    time = until;
  };
  for (const gap of gaps) {
    push(gap.fromUs, false);
    push(gap.toUs, true);
  }
  push(Math.max(toUs, time + (pieces.length === 0 ? 1 : 0)), false);
  return { pieces, from: 0, to: at };
}

/** The axis time of a time. Times beyond the ends go on as if there were no gaps there. */
export function toAxis({ pieces, to }: TimeAxis, us: number): number {
  const first = pieces[0];
  const last = pieces.at(-1);
  if (first === undefined || last === undefined) return us;
  if (us <= first.fromUs) return us - first.fromUs;
  if (us >= last.toUs) return to + (us - last.toUs);
  const piece = pieces.find((one) => us <= one.toUs) ?? last;
  return piece.from + ((us - piece.fromUs) / (piece.toUs - piece.fromUs)) * (piece.to - piece.from);
}

/** The time at an axis time: `toAxis` the other way round. */
export function toTime({ pieces, to }: TimeAxis, at: number): number {
  const first = pieces[0];
  const last = pieces.at(-1);
  if (first === undefined || last === undefined) return at;
  if (at <= 0) return first.fromUs + at;
  if (at >= to) return last.toUs + (at - to);
  const piece = pieces.find((one) => at <= one.to) ?? last;
  return piece.fromUs + ((at - piece.from) / (piece.to - piece.from)) * (piece.toUs - piece.fromUs);
}

/** The stretches of time that a window of the axis shows, `width` pixels wide. */
export function onScreen(axis: TimeAxis, from: number, to: number, width: number): ScreenPiece[] {
  const scale = width / (to - from);
  const shown: ScreenPiece[] = [];
  const push = (a: number, b: number, isGap: boolean): void => {
    const [start, end] = [Math.max(a, from), Math.min(b, to)];
    if (end > start) shown.push({ fromUs: toTime(axis, start), toUs: toTime(axis, end), x0: (start - from) * scale, x1: (end - from) * scale, isGap });
  };
  push(Number.NEGATIVE_INFINITY, 0, false);
  for (const piece of axis.pieces) push(piece.from, piece.to, piece.isGap);
  push(axis.to, Number.POSITIVE_INFINITY, false);
  return shown;
}
