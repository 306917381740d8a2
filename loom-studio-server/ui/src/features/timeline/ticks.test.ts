import fc from 'fast-check';
import { expect, it } from 'vitest';
import { tickLabel, ticks, tickStepUs } from './ticks';

it('stands far enough apart, on round times', () => {
  fc.assert(
    fc.property(fc.double({ min: 0.001, max: 1e9, noNaN: true }), fc.nat(2 ** 50), (usPerPixel, fromUs) => {
      const step = tickStepUs(usPerPixel, 80);
      expect(step / usPerPixel).toBeGreaterThanOrEqual(80 - 1e-6);
      const found = ticks(fromUs, fromUs + usPerPixel * 800, step);
      expect(found.length).toBeLessThanOrEqual(11);
      found.slice(1).forEach((tick, index) => {
        expect(tick - (found[index] ?? 0)).toBeCloseTo(step, 3);
      });
    }),
  );
});

it('is written as exactly as its step', () => {
  const time = new Date(2026, 0, 2, 3, 4, 5, 67).getTime() * 1000 + 89;
  expect([6e7, 1e6, 1e3, 10].map((step) => tickLabel(time, step))).toEqual(['03:04', '03:04:05', '05.067', '.067089']);
});
