import type { Throughput } from '../../data/metrics';

export interface Series {
  /** Seconds since 1970. */
  times: number[];
  perSecond: number[];
  errorsPerSecond: number[];
}

/** Buckets a chart shows at most; more are added up in pairs, fours and so on. */
export const POINTS_AT_MOST = 600;

/**
 * The throughput as rates over time. Buckets without events, which the answer leaves out, are zero: a line that jumped over
 * them would show traffic where there was none.
 */
export function rates({ bucket_nanos: nanos, start, offsets, counts, errors }: Throughput, most = POINTS_AT_MOST): Series {
  const series: Series = { times: [], perSecond: [], errorsPerSecond: [] };
  const last = offsets.at(-1);
  if (last === undefined) return series;
  const merged = Math.max(1, Math.ceil((last + 1) / most));
  const length = Math.floor(last / merged) + 1;
  const seconds = (nanos / 1e9) * merged;
  const begin = Date.parse(start) / 1000;
  for (let bucket = 0; bucket < length; bucket += 1) {
    series.times.push(begin + bucket * seconds);
    series.perSecond.push(0);
    series.errorsPerSecond.push(0);
  }
  offsets.forEach((offset, index) => {
    const bucket = Math.floor(offset / merged);
    series.perSecond[bucket] = (series.perSecond[bucket] as number) + (counts[index] as number) / seconds;
    series.errorsPerSecond[bucket] = (series.errorsPerSecond[bucket] as number) + (errors[index] as number) / seconds;
  });
  return series;
}
