import type { TimelineMessage } from '../../data/messages';
import type { ScreenPiece } from '../../data/timeAxis';
import { tickLabel, ticks, tickStepUs } from './ticks';

export const LANE_HEIGHT = 28;
export const GROUP_HEIGHT = 22;
export const RULER_HEIGHT = 26;

export const COLORS = [
  '--bg', '--surface', '--line', '--line-strong', '--text', '--text-muted', '--accent', '--selected', '--error', '--warn', '--warn-bg', '--running', '--ok', '--hover', '--edge',
] as const;
export type Colors = Record<(typeof COLORS)[number], string>;

/** A line of the picture that is in sight: where, and which lane of the data, if it is one. */
export interface PlacedLine {
  y: number;
  height: number;
  lane: number | null;
}

export interface Arrow {
  fromX: number;
  fromY: number;
  toX: number;
  toY: number;
}

/** All that is drawn. Places are in CSS pixels of the canvas. */
export interface Scene {
  width: number;
  height: number;
  lines: readonly PlacedLine[];
  data: TimelineMessage | null;
  /** From places of the data to places on screen, where the window has moved since it was asked for. */
  shift: { scale: number; offset: number };
  pieces: readonly ScreenPiece[];
  playheadX: number | null;
  range: { x0: number; x1: number } | null;
  firstErrorX: number | null;
  selected: ReadonlySet<number>;
  arrows: readonly Arrow[];
  colors: Colors;
  font: string;
}

const BAR_TOP = 4;
const BAR_ROOM = 15;
const TICK_TOP = 20;
const TICK_HEIGHT = 6;
const TICK_APART = 90;
const SHORTEST_BAR = 2;

/** Where a bar stands in its lane. */
export function barBox(depth: number, deepest: number): { top: number; height: number } {
  const step = BAR_ROOM / (deepest + 1);
  return { top: BAR_TOP + depth * step, height: Math.max(1.5, Math.min(11, step - 1)) };
}

function drawGrid(ctx: CanvasRenderingContext2D, scene: Scene): void {
  const { width, height, lines, pieces, colors } = scene;
  ctx.fillStyle = colors['--bg'];
  ctx.fillRect(0, 0, width, height);
  for (const line of lines) {
    ctx.fillStyle = line.lane === null ? colors['--surface'] : colors['--line'];
    if (line.lane === null) ctx.fillRect(0, line.y, width, line.height);
    else ctx.fillRect(0, line.y + line.height - 1, width, 1);
  }
  for (const piece of pieces) {
    if (!piece.isGap) continue;
    ctx.fillStyle = colors['--hover'];
    ctx.fillRect(piece.x0, 0, piece.x1 - piece.x0, height);
  }
}

function drawDensity(ctx: CanvasRenderingContext2D, scene: Scene, data: TimelineMessage): void {
  const { lines, colors, shift } = scene;
  const w = Math.max(1, shift.scale);
  let most = 1;
  for (const count of data.busy) most = Math.max(most, count);
  let many = 1;
  for (const count of data.events) many = Math.max(many, count);
  const manyLog = Math.log2(1 + many);
  for (const line of lines) {
    if (line.lane === null) continue;
    const { lane } = line;
    for (let x = 0; x < data.width; x += 1) {
      const busy = data.busy[lane * (data.width + 1) + x] ?? 0;
      const events = data.events[lane * data.width + x] ?? 0;
      if (busy === 0 && events === 0) continue;
      const at = x * shift.scale + shift.offset;
      if (busy > 0) {
        ctx.globalAlpha = 0.35 + 0.65 * (busy / most);
        ctx.fillStyle = colors['--accent'];
        ctx.fillRect(at, line.y + BAR_TOP, w, 11);
      }
      if (events > 0) {
        const errors = data.errors[lane * data.width + x] ?? 0;
        ctx.globalAlpha = errors > 0 ? 1 : 0.35 + 0.65 * (Math.log2(1 + events) / manyLog);
        ctx.fillStyle = colors[errors > 0 ? '--error' : '--text-muted'];
        ctx.fillRect(at, line.y + TICK_TOP, w, TICK_HEIGHT);
      }
    }
  }
  ctx.globalAlpha = 1;
}

/** The deepest stack of bars in each lane. */
export function depths(data: TimelineMessage): Map<number, number> {
  const deepest = new Map<number, number>();
  data.bars?.lane.forEach((lane, index) => {
    deepest.set(lane, Math.max(deepest.get(lane) ?? 0, data.bars?.depth[index] ?? 0));
  });
  return deepest;
}

function drawMarks(ctx: CanvasRenderingContext2D, scene: Scene, data: TimelineMessage): void {
  const { lines, colors, shift, selected } = scene;
  const yOf = new Map(lines.flatMap(({ lane, y }) => (lane === null ? [] : [[lane, y] as const])));
  const deepest = depths(data);
  const tones = [colors['--running'], colors['--accent'], colors['--error'], colors['--error']];
  const { bars, marks } = data;
  bars?.seq.forEach((seq, index) => {
    const lane = bars.lane[index] as number;
    const y = yOf.get(lane);
    if (y === undefined) return;
    const x0 = (bars.x0[index] as number) * shift.scale + shift.offset;
    const x1 = (bars.x1[index] as number) * shift.scale + shift.offset;
    const state = bars.state[index] as number;
    const { top, height } = barBox(bars.depth[index] as number, deepest.get(lane) ?? 0);
    const width = Math.max(SHORTEST_BAR, x1 - x0);
    ctx.fillStyle = tones[state] as string;
    // What never ended has no fill: it waits, or waited in vain.
    if (state === 0 || state === 3) {
      ctx.globalAlpha = 0.35;
      ctx.fillRect(x0, y + top, width, height);
      ctx.globalAlpha = 1;
      ctx.strokeStyle = tones[state] as string;
      ctx.setLineDash([4, 3]);
      ctx.strokeRect(x0 + 0.5, y + top + 0.5, width - 1, Math.max(1, height - 1));
      ctx.setLineDash([]);
    } else ctx.fillRect(x0, y + top, width, height);
    if (selected.has(seq)) {
      ctx.strokeStyle = colors['--text'];
      ctx.lineWidth = 2;
      ctx.strokeRect(x0 - 1, y + top - 1, width + 2, height + 2);
      ctx.lineWidth = 1;
    }
  });
  marks?.seq.forEach((seq, index) => {
    const y = yOf.get(marks.lane[index] as number);
    if (y === undefined) return;
    const x = (marks.x[index] as number) * shift.scale + shift.offset;
    const isError = marks.outcome[index] === 2;
    const isSelected = selected.has(seq);
    ctx.fillStyle = colors[isSelected ? '--text' : isError ? '--error' : '--text-muted'];
    const w = isSelected ? 3 : isError ? 2 : 1;
    ctx.fillRect(x - w / 2, y + TICK_TOP - (isSelected ? 2 : 0), w, TICK_HEIGHT + (isSelected ? 2 : 0));
  });
}

function drawArrows(ctx: CanvasRenderingContext2D, { arrows, colors }: Scene): void {
  ctx.strokeStyle = colors['--warn'];
  ctx.fillStyle = colors['--warn'];
  ctx.lineWidth = 1.5;
  for (const { fromX, fromY, toX, toY } of arrows) {
    const bend = Math.max(12, Math.abs(toX - fromX) / 3);
    ctx.beginPath();
    ctx.moveTo(fromX, fromY);
    ctx.bezierCurveTo(fromX + bend, fromY, toX - bend, toY, toX, toY);
    ctx.stroke();
    ctx.beginPath();
    ctx.moveTo(toX, toY);
    ctx.lineTo(toX - 6, toY - 3.5);
    ctx.lineTo(toX - 6, toY + 3.5);
    ctx.fill();
  }
  ctx.lineWidth = 1;
}

/** Draws the lanes. */
export function paint(ctx: CanvasRenderingContext2D, scene: Scene): void {
  const { width, height, data, playheadX, range, firstErrorX, colors } = scene;
  drawGrid(ctx, scene);
  if (range !== null) {
    ctx.fillStyle = colors['--warn-bg'];
    ctx.globalAlpha = 0.7;
    ctx.fillRect(range.x0, 0, Math.max(1, range.x1 - range.x0), height);
    ctx.globalAlpha = 1;
  }
  if (data !== null) {
    if (data.marks === null) drawDensity(ctx, scene, data);
    else drawMarks(ctx, scene, data);
  }
  drawArrows(ctx, scene);
  if (firstErrorX !== null) {
    ctx.fillStyle = colors['--error'];
    ctx.fillRect(firstErrorX - 0.5, 0, 1, height);
  }
  if (playheadX !== null && playheadX < width) {
    // What lies behind the playhead hasn't happened yet.
    ctx.fillStyle = colors['--bg'];
    ctx.globalAlpha = 0.6;
    ctx.fillRect(playheadX, 0, width - playheadX, height);
    ctx.globalAlpha = 1;
    ctx.fillStyle = colors['--accent'];
    ctx.fillRect(playheadX - 1, 0, 2, height);
  }
}

/** Draws the ruler: round times, and where time was shortened. */
export function paintRuler(ctx: CanvasRenderingContext2D, scene: Scene, gapLabel: (us: number) => string): void {
  const { width, pieces, playheadX, range, firstErrorX, colors } = scene;
  ctx.fillStyle = colors['--surface'];
  ctx.fillRect(0, 0, width, RULER_HEIGHT);
  if (range !== null) {
    ctx.fillStyle = colors['--warn-bg'];
    ctx.fillRect(range.x0, 0, Math.max(1, range.x1 - range.x0), RULER_HEIGHT);
  }
  ctx.font = scene.font;
  ctx.textBaseline = 'middle';
  let free = Number.NEGATIVE_INFINITY;
  for (const piece of pieces) {
    if (piece.isGap) {
      ctx.fillStyle = colors['--hover'];
      ctx.fillRect(piece.x0, 0, piece.x1 - piece.x0, RULER_HEIGHT);
      const label = gapLabel(piece.toUs - piece.fromUs);
      if (piece.x1 - piece.x0 > ctx.measureText(label).width + 4) {
        ctx.fillStyle = colors['--text-muted'];
        ctx.fillText(label, piece.x0 + 2, RULER_HEIGHT / 2);
      }
      continue;
    }
    const usPerPixel = (piece.toUs - piece.fromUs) / Math.max(1e-9, piece.x1 - piece.x0);
    const step = tickStepUs(usPerPixel, TICK_APART);
    for (const tick of ticks(piece.fromUs, piece.toUs, step)) {
      const x = piece.x0 + (tick - piece.fromUs) / usPerPixel;
      ctx.fillStyle = colors['--line-strong'];
      ctx.fillRect(x, RULER_HEIGHT - 6, 1, 6);
      const label = tickLabel(tick, step);
      const length = ctx.measureText(label).width;
      if (x + 3 < free || x + 3 + length > width) continue;
      ctx.fillStyle = colors['--text-muted'];
      ctx.fillText(label, x + 3, RULER_HEIGHT / 2);
      free = x + 3 + length + 8;
    }
  }
  const flag = (x: number, color: string): void => {
    ctx.fillStyle = color;
    ctx.beginPath();
    ctx.moveTo(x - 5, RULER_HEIGHT - 9);
    ctx.lineTo(x + 5, RULER_HEIGHT - 9);
    ctx.lineTo(x, RULER_HEIGHT);
    ctx.fill();
  };
  if (firstErrorX !== null) flag(firstErrorX, colors['--error']);
  if (playheadX !== null) flag(playheadX, colors['--accent']);
}

export interface Hit {
  seq: number;
  /** The state of the call, when it is one. */
  state: number | null;
}

const REACH = 5;

/** The event or call under the pointer; events, which are narrow, first. */
export function hit(scene: Scene, x: number, y: number): Hit | null {
  const { data, lines, shift } = scene;
  const line = lines.find((one) => one.lane !== null && y >= one.y && y < one.y + one.height);
  if (data === null || line === undefined || line.lane === null) return null;
  const { marks, bars } = data;
  const at = (place: number): number => place * shift.scale + shift.offset;
  let best: Hit | null = null;
  let distance = REACH;
  const inTicks = y - line.y >= TICK_TOP - 2;
  if (marks !== null && inTicks) {
    marks.seq.forEach((seq, index) => {
      const away = Math.abs(at(marks.x[index] as number) - x);
      if (marks.lane[index] === line.lane && away < distance) {
        distance = away;
        best = { seq, state: null };
      }
    });
  }
  if (best !== null || bars === null) return best;
  const deepest = depths(data).get(line.lane) ?? 0;
  bars.seq.forEach((seq, index) => {
    if (bars.lane[index] !== line.lane) return;
    const { top, height } = barBox(bars.depth[index] as number, deepest);
    const isInside = x >= at(bars.x0[index] as number) - 2 && x <= Math.max(at(bars.x1[index] as number), at(bars.x0[index] as number) + SHORTEST_BAR) + 2;
    if (isInside && y >= line.y + top - 1 && y <= line.y + top + height + 1) best = { seq, state: bars.state[index] as number };
  });
  return best;
}
