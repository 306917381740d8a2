const FIRST_MS = 500;
const LONGEST_MS = 15_000;

/** Milliseconds to wait before attempt `attempt` (0 is the first retry): doubling, with half of it random. */
export function backoffMs(attempt: number, random: () => number): number {
  const full = Math.min(LONGEST_MS, FIRST_MS * 2 ** Math.min(attempt, 16));
  return Math.round(full / 2 + (full / 2) * random());
}
