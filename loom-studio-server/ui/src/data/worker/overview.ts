import { Outcome } from '../outcome';
import type { Columns } from './columns';

export interface Overview {
  /** Events in each part of the range, and how many of them are errors. */
  events: Uint32Array<ArrayBuffer>;
  errors: Uint32Array<ArrayBuffer>;
}

/** Counts the rows held with `from` ≤ seq ≤ `to` in `parts` equal parts of that range. Gaps count as nothing. */
export function overview(columns: Columns, from: number, to: number, parts: number): Overview {
  const events = new Uint32Array(parts);
  const errors = new Uint32Array(parts);
  const width = (to - from + 1) / parts;
  for (let row = columns.lowerBound(from); row < columns.end; row += 1) {
    const seq = columns.seq(row);
    if (seq > to) break;
    const outcome = columns.outcome(row);
    if (outcome === Outcome.Gap) continue;
    const part = Math.min(parts - 1, Math.floor((seq - from) / width));
    events[part] = (events[part] as number) + 1;
    if (outcome === Outcome.Error) errors[part] = (errors[part] as number) + 1;
  }
  return { events, errors };
}

/**
 * The event held nearest to `seq` in the direction of `delta`, not `seq` itself; `null` where that is not held, be it
 * beyond an end or in a gap.
 */
export function neighbour(columns: Columns, seq: number, delta: 1 | -1): { seq: number; timeUs: number } | null {
  const at = columns.lowerBound(seq);
  const isThere = at < columns.end && columns.seq(at) === seq;
  const row = delta > 0 ? (isThere ? at + 1 : at) : at - 1;
  if (row < columns.first || row >= columns.end || columns.outcome(row) === Outcome.Gap) return null;
  return { seq: columns.seq(row), timeUs: columns.timeUs(row) };
}
