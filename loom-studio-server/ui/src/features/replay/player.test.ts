import { expect, it } from 'vitest';
import { LONGEST_WAIT_MS, waitMs } from './player';

it('keeps the recorded pace, faster or slower, but shortens long pauses and never goes back in time', () => {
  expect(waitMs(1_000_000, 1_250_000, 1)).toBe(250);
  expect(waitMs(1_000_000, 1_250_000, 2)).toBe(125);
  expect(waitMs(0, 3_600_000_000, 1)).toBe(LONGEST_WAIT_MS);
  expect(waitMs(5_000, 1_000, 1)).toBe(0);
});
