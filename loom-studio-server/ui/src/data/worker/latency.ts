import { Outcome } from '../outcome';
import type { Columns } from './columns';

export interface Latencies {
  /** When each bucket begins, in microseconds since 1970. */
  timesUs: Float64Array<ArrayBuffer>;
  /** Milliseconds; NaN where no call ended. */
  p50: Float64Array<ArrayBuffer>;
  p95: Float64Array<ArrayBuffer>;
  p99: Float64Array<ArrayBuffer>;
}

/** The value that `share` of a sorted list doesn't exceed (nearest rank). */
export function quantile(sorted: Float64Array, share: number): number {
  if (sorted.length === 0) return Number.NaN;
  return sorted[Math.min(sorted.length - 1, Math.max(0, Math.ceil(share * sorted.length) - 1))] as number;
}

/** How long the calls took that ended in each of `parts` equal parts of a time: exact, of the calls whose both halves are held. */
export function latencies(columns: Columns, fromUs: number, toUs: number, parts: number): Latencies {
  const width = Math.max(1, (toUs - fromUs) / parts);
  const at: number[] = [];
  const took: number[] = [];
  const counts = new Uint32Array(parts + 1);
  for (let row = columns.first; row < columns.end; row += 1) {
    const other = columns.call(row);
    if (other === 0 || other === columns.seq(row) || columns.outcome(row) !== Outcome.None) continue;
    const reply = columns.lowerBound(other);
    if (reply >= columns.end || columns.seq(reply) !== other) continue;
    const endUs = Math.max(columns.timeUs(row), columns.timeUs(reply));
    if (endUs < fromUs || endUs > toUs) continue;
    const part = Math.min(parts - 1, Math.floor((endUs - fromUs) / width));
    at.push(part);
    took.push((endUs - columns.timeUs(row)) / 1000);
    counts[part + 1] = (counts[part + 1] as number) + 1;
  }
  for (let part = 1; part <= parts; part += 1) counts[part] = (counts[part] as number) + (counts[part - 1] as number);
  const next = counts.slice();
  const sorted = new Float64Array(took.length);
  took.forEach((ms, index) => {
    const part = at[index] as number;
    const place = next[part] as number;
    sorted[place] = ms;
    next[part] = place + 1;
  });
  const result: Latencies = {
    timesUs: new Float64Array(parts),
    p50: new Float64Array(parts),
    p95: new Float64Array(parts),
    p99: new Float64Array(parts),
  };
  for (let part = 0; part < parts; part += 1) {
    const own = sorted.subarray(counts[part], counts[part + 1]).sort();
    result.timesUs[part] = fromUs + part * width;
    result.p50[part] = quantile(own, 0.5);
    result.p95[part] = quantile(own, 0.95);
    result.p99[part] = quantile(own, 0.99);
  }
  return result;
}
