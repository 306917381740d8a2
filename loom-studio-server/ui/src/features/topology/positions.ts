import type { Point } from './placement';

export interface Viewport {
  zoom: number;
  pan: Point;
}

/** Where nodes stand and what part is seen, for one store. */
export interface Arrangement {
  epoch: string;
  positions: Map<string, Point>;
  /** A layout has been finished: nodes that stand now keep standing. */
  settled: boolean;
  /** Set by the user's own panning or zooming only. */
  viewport: Viewport | null;
}

const STORAGE_KEY = 'loom-studio.arrangement';

let current: Arrangement | null = null;

function isPoint(value: unknown): value is Point {
  return typeof value === 'object' && value !== null && 'x' in value && 'y' in value && Number.isFinite(value.x) && Number.isFinite(value.y);
}

export function decodeArrangement(stored: string | null, epoch: string): Arrangement {
  const fresh: Arrangement = { epoch, positions: new Map(), settled: false, viewport: null };
  try {
    const found = JSON.parse(stored ?? 'null') as Partial<Record<'epoch' | 'positions' | 'viewport', unknown>> | null;
    if (found === null || found.epoch !== epoch || !Array.isArray(found.positions)) return fresh;
    for (const entry of found.positions as unknown[]) {
      if (Array.isArray(entry) && typeof entry[0] === 'string' && isPoint(entry[1])) fresh.positions.set(entry[0], entry[1]);
    }
    fresh.settled = fresh.positions.size > 0;
    const viewport = found.viewport as Partial<Viewport> | null | undefined;
    if (typeof viewport === 'object' && viewport !== null && Number.isFinite(viewport.zoom) && isPoint(viewport.pan)) fresh.viewport = viewport as Viewport;
    return fresh;
  } catch {
    return fresh;
  }
}

export function encodeArrangement({ epoch, positions, viewport }: Arrangement): string {
  return JSON.stringify({ epoch, positions: [...positions], viewport });
}

/** The arrangement of a store: as it was when the view was last open, or when the page was reloaded. */
export function arrangementOf(epoch: string): Arrangement {
  if (current?.epoch === epoch) return current;
  let stored: string | null = null;
  try {
    stored = sessionStorage.getItem(STORAGE_KEY);
  } catch {
    // Without storage an arrangement lasts as long as the page.
  }
  current = decodeArrangement(stored, epoch);
  return current;
}

export function saveArrangement(arrangement: Arrangement): void {
  try {
    sessionStorage.setItem(STORAGE_KEY, encodeArrangement(arrangement));
  } catch {
    // As above.
  }
}
