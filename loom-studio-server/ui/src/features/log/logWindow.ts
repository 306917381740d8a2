export const ROW_HEIGHT = 24;

/**
 * Rows in the list at most. Browsers clamp the height of an element, the lowest limit known being 17.9 million pixels;
 * rows beyond it could never be scrolled to.
 */
export const MAX_ROWS = 500_000;

/** Rows asked for beyond each edge of what is visible. */
const MARGIN = 40;

export interface ListRange {
  /** Ordinal of the list's first row. */
  base: number;
  count: number;
}

/** The part of the matches that the list shows: the newest. */
export function listRange(first: number, end: number): ListRange {
  const count = Math.min(end - first, MAX_ROWS);
  return { base: end - count, count };
}

/** The window to ask for, given the list indexes on screen. */
export function wantedWindow(range: ListRange, from: number, to: number, following: boolean): { first: number | 'tail'; count: number } {
  const visible = Math.max(1, to - from + 1);
  // Whole steps, so that scrolling by a row asks for nothing new.
  const count = Math.ceil((visible + 2 * MARGIN) / MARGIN) * MARGIN;
  if (following) return { first: 'tail', count };
  const start = Math.floor(Math.max(0, from - MARGIN) / MARGIN) * MARGIN;
  return { first: range.base + start, count };
}
