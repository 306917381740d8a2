import { readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import type { LoomEvent } from './traffic';

export interface Recording {
  /** JSON Lines, as the page brings them along. */
  text: string;
  events: LoomEvent[];
}

let held: Recording | null = null;

/** The run that the first page offers, from the file the page offers. */
export function recording(): Recording {
  if (held !== null) return held;
  const text = gunzipSync(readFileSync(new URL('../public/sample/support-desk.jsonl.gz', import.meta.url))).toString();
  const events = text.split('\n').flatMap((line) => {
    if (line === '') return [];
    const record = JSON.parse(line) as { event?: LoomEvent };
    return record.event === undefined ? [] : [record.event];
  });
  held = { text, events };
  return held;
}

/** How often which node called which, counted from the events alone. */
export function callsOf(events: readonly LoomEvent[]): Record<string, number> {
  const calls: Record<string, number> = {};
  for (const { type, source, subject } of events) {
    if (type !== 'node.request' || typeof subject !== 'string') continue;
    const edge = `${source} → ${subject}`;
    calls[edge] = (calls[edge] ?? 0) + 1;
  }
  return calls;
}
