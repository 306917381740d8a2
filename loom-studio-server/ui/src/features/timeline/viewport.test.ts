import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { pan, SHORTEST, windowOf, zoom, type Viewport } from './viewport';

const END = 1_000_000;
const fixed = fc.record({ from: fc.nat(END), length: fc.integer({ min: 10, max: END }) }).map(({ from, length }): Viewport => ({ mode: 'fixed', from, to: from + length }));

describe('viewport', () => {
  it('keeps the place under the pointer when it zooms', () => {
    fc.assert(
      fc.property(fixed, fc.double({ min: 1, max: 8, noNaN: true }), fc.double({ min: 0, max: 1, noNaN: true }), (viewport, factor, at) => {
        const before = windowOf(viewport, END);
        const after = windowOf(zoom(viewport, END, factor, at, false), END);
        const place = ({ from, to }: { from: number; to: number }): number => from + (to - from) * at;
        expect(place(after)).toBeCloseTo(place(before), 3);
        expect(after.to - after.from).toBeCloseTo(Math.max(SHORTEST, (before.to - before.from) / factor), 3);
      }),
    );
  });

  it('shows everything once it is zoomed out, and never less than a microsecond', () => {
    expect(zoom({ mode: 'fixed', from: 0, to: END }, END, 0.1, 0.5, true)).toEqual({ mode: 'fit' });
    const close = windowOf(zoom({ mode: 'fixed', from: 5, to: 7 }, END, 1e9, 0.5, false), END);
    expect(close.to - close.from).toBeCloseTo(SHORTEST, 6);
  });

  it('moves without changing its length, and stays in sight of the axis', () => {
    fc.assert(
      fc.property(fixed, fc.double({ min: -20, max: 20, noNaN: true }), (viewport, share) => {
        const before = windowOf(viewport, END);
        const after = windowOf(pan(viewport, END, share, false), END);
        expect(after.to - after.from).toBeCloseTo(before.to - before.from, 3);
        expect(after.from).toBeLessThanOrEqual(END);
        expect(after.to).toBeGreaterThanOrEqual(0);
      }),
    );
  });

  it('follows the end when it was moved there while live', () => {
    const viewport = pan({ mode: 'fixed', from: END - 1500, to: END - 500 }, END, 0.6, true);
    expect(viewport.mode).toBe('tail');
    expect(windowOf(viewport, END + 5000).to).toBeGreaterThan(END + 5000);
    expect(pan({ mode: 'fixed', from: END - 1500, to: END - 500 }, END, 0.6, false).mode).toBe('fixed');
  });
});
