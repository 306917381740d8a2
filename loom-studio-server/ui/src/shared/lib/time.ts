const two = (value: number): string => String(value).padStart(2, '0');

/** Local time of day with milliseconds: `14:03:07.042`. */
export function clockTime(timeUs: number): string {
  const date = new Date(timeUs / 1000);
  if (Number.isNaN(date.getTime())) return '';
  return `${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}.${String(date.getMilliseconds()).padStart(3, '0')}`;
}

/** Local date and time with milliseconds: `2026-01-02 14:03:07.042`. */
export function localDateTime(timeUs: number): string {
  const date = new Date(timeUs / 1000);
  if (Number.isNaN(date.getTime())) return '';
  return `${String(date.getFullYear())}-${two(date.getMonth() + 1)}-${two(date.getDate())} ${clockTime(timeUs)}`;
}

/** The quantiles of a latency: `1.0 ms / 12 ms / 3.1 s`. */
export function latencies({ p50, p95, p99 }: { p50: number; p95: number; p99: number }): string {
  return `${duration(p50)} / ${duration(p95)} / ${duration(p99)}`;
}

/** Milliseconds as people read them: `0.4 ms`, `12 ms`, `3.1 s`, `2.5 min`. */
export function duration(ms: number): string {
  if (ms < 10) return `${ms.toFixed(1)} ms`;
  if (ms < 1000) return `${ms.toFixed(0)} ms`;
  if (ms < 60_000) return `${(ms / 1000).toFixed(1)} s`;
  return `${(ms / 60_000).toFixed(1)} min`;
}
