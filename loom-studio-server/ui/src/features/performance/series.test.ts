import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { rates } from './series';

const sum = (values: number[]): number => values.reduce((a, b) => a + b, 0);

describe('rates', () => {
  it('keeps the number of events and errors, whatever is merged', () => {
    fc.assert(
      fc.property(
        fc.uniqueArray(fc.nat(5000), { maxLength: 60 }),
        fc.integer({ min: 1, max: 50 }),
        (unsorted, most) => {
          const offsets = unsorted.sort((a, b) => a - b);
          const counts = offsets.map((offset) => (offset % 7) + 1);
          const errors = offsets.map((offset) => offset % 3);
          const { times, perSecond, errorsPerSecond } = rates({ bucket_nanos: 1e9, start: '2026-01-02T03:04:05Z', offsets, counts, errors }, most);
          expect(times.length).toBeLessThanOrEqual(most);
          const seconds = times.length > 1 ? (times[1] as number) - (times[0] as number) : Math.ceil(((offsets.at(-1) ?? 0) + 1) / most);
          expect(sum(perSecond) * seconds).toBeCloseTo(sum(counts), 6);
          expect(sum(errorsPerSecond) * seconds).toBeCloseTo(sum(errors), 6);
        },
      ),
    );
  });

  it('is zero where nothing happened', () => {
    const { times, perSecond } = rates({ bucket_nanos: 5e8, start: '1970-01-01T00:00:10Z', offsets: [0, 3], counts: [4, 1], errors: [0, 1] });
    expect(times).toEqual([10, 10.5, 11, 11.5]);
    expect(perSecond).toEqual([8, 0, 0, 2]);
  });
});
