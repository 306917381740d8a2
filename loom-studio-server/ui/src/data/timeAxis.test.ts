import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { onScreen, timeAxis, toAxis, toTime } from './timeAxis';

/** A span, and gaps in it, in order and apart. */
const axes = fc
  .record({ start: fc.nat(1_000_000), steps: fc.array(fc.integer({ min: 1, max: 5000 }), { minLength: 1, maxLength: 21 }) })
  .map(({ start, steps }) => {
    const ends: number[] = [];
    let at = start;
    for (const step of steps) ends.push((at += step));
    const gaps = ends.slice(0, -1).flatMap((end, index) => (index % 2 === 1 ? [{ fromUs: ends[index - 1] ?? end, toUs: end }] : []));
    return { from: start, to: at, gaps, axis: timeAxis(start, at, gaps) };
  });

describe('time axis', () => {
  it('goes to axis time and back, and rises', () => {
    fc.assert(
      fc.property(axes, fc.double({ min: -0.5, max: 1.5, noNaN: true }), fc.double({ min: -0.5, max: 1.5, noNaN: true }), ({ from, to, axis }, a, b) => {
        const time = from + a * (to - from);
        expect(toTime(axis, toAxis(axis, time))).toBeCloseTo(time, 3);
        const other = from + b * (to - from);
        if (time < other) expect(toAxis(axis, time)).toBeLessThanOrEqual(toAxis(axis, other));
      }),
    );
  });

  it('shortens gaps and nothing else', () => {
    fc.assert(
      fc.property(axes, ({ from, to, gaps, axis }) => {
        const idle = gaps.reduce((sum, gap) => sum + gap.toUs - gap.fromUs, 0);
        const shortened = axis.pieces.filter(({ isGap }) => isGap).reduce((sum, piece) => sum + piece.to - piece.from, 0);
        expect(axis.to - axis.from).toBeCloseTo(to - from - idle + shortened, 3);
        for (const gap of gaps) expect(toAxis(axis, gap.toUs) - toAxis(axis, gap.fromUs)).toBeLessThanOrEqual(gap.toUs - gap.fromUs);
      }),
    );
  });

  it('shows a window without holes', () => {
    fc.assert(
      fc.property(axes, fc.double({ min: -0.3, max: 0.9, noNaN: true }), fc.double({ min: 0.05, max: 1, noNaN: true }), ({ axis }, start, length) => {
        const span = axis.to - axis.from;
        const pieces = onScreen(axis, start * span, (start + length) * span, 800);
        expect(pieces[0]?.x0).toBeCloseTo(0, 6);
        expect(pieces.at(-1)?.x1).toBeCloseTo(800, 6);
        pieces.slice(1).forEach((piece, index) => {
          expect(piece.x0).toBeCloseTo(pieces[index]?.x1 ?? Number.NaN, 6);
          expect(piece.fromUs).toBeCloseTo(pieces[index]?.toUs ?? Number.NaN, 2);
        });
      }),
    );
  });
});
