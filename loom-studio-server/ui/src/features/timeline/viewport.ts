/** What of the axis is on screen, in axis time. `fit` shows all of it, also when it grows; `tail` moves with its end. */
export type Viewport = { mode: 'fit' } | { mode: 'tail'; length: number } | { mode: 'fixed'; from: number; to: number };

export interface Window {
  from: number;
  to: number;
}

/** One microsecond fills the screen; nothing happens in less. */
export const SHORTEST = 1;
/** A window that ends this close to the end follows it. */
const TAIL_SHARE = 0.02;

/** The window that a viewport shows of an axis this long. */
export function windowOf(viewport: Viewport, end: number): Window {
  const pad = Math.max(SHORTEST, end * 0.01);
  switch (viewport.mode) {
    case 'fit':
      return { from: -pad, to: end + pad };
    case 'tail':
      return { from: end - viewport.length, to: end + viewport.length * TAIL_SHARE };
    case 'fixed':
      return { from: viewport.from, to: viewport.to };
  }
}

/** The viewport of a window somebody chose. */
function chosen(from: number, to: number, end: number, isLive: boolean): Viewport {
  const length = to - from;
  if (isLive && to >= end && to - end < length * 0.5 && from > 0) return { mode: 'tail', length: length / (1 + TAIL_SHARE) };
  return { mode: 'fixed', from, to };
}

/** Zooms by `factor` (above 1: closer) around a place from 0 to 1 of the window. */
export function zoom(viewport: Viewport, end: number, factor: number, at: number, isLive: boolean): Viewport {
  const { from, to } = windowOf(viewport, end);
  const length = Math.max(SHORTEST, (to - from) / factor);
  if (length > end * 1.5 + SHORTEST) return { mode: 'fit' };
  const center = from + (to - from) * at;
  return chosen(center - length * at, center + length * (1 - at), end, isLive);
}

/** Moves by a share of the window. It can't leave the axis. */
export function pan(viewport: Viewport, end: number, share: number, isLive: boolean): Viewport {
  const { from, to } = windowOf(viewport, end);
  const length = to - from;
  const start = Math.max(-length * 0.5, Math.min(end - length * 0.5, from + length * share));
  return chosen(start, start + length, end, isLive);
}
