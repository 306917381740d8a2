/** A pause in a recording longer than this is played as long as this. */
export const LONGEST_WAIT_MS = 2000;
export const SPEEDS = [0.25, 0.5, 1, 2, 5, 10, 100] as const;

/** How long to wait between two events, at a speed. Events out of order in time follow at once. */
export function waitMs(fromUs: number, toUs: number, speed: number): number {
  return Math.min(LONGEST_WAIT_MS, Math.max(0, (toUs - fromUs) / 1000 / speed));
}
