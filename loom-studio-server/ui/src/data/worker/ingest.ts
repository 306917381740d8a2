import type { CountersFrame, EventsFrame, GapFrame } from '../protocol';
import { Columns } from './columns';

/** Puts `events` and `gap` frames of one subscription after another into the columns. */
export class Ingest {
  readonly columns: Columns;
  /** Every record up to here has been received, or named by a gap: where a new subscription resumes. */
  throughSeq = 0;
  headSeq = 0;
  skipped = 0;
  lagging = false;
  /** Events received since the start, dropped ones included. */
  received = 0;
  /** The subscription's dictionary: its index → id in the columns' string table. */
  #dictionary: number[] = [];

  constructor(columns = new Columns()) {
    this.columns = columns;
  }

  /** A subscription's dictionary starts empty. */
  beginSubscription(): void {
    this.#dictionary = [];
    this.lagging = false;
    this.skipped = 0;
  }

  events(frame: EventsFrame): void {
    const { columns } = this;
    for (const value of frame.dict) this.#dictionary.push(columns.strings.intern(value));
    const name = (index: number | undefined): number => (index === undefined || index < 0 ? 0 : (this.#dictionary[index] ?? 0));
    const { cols } = frame;
    let last = this.throughSeq;
    for (let i = 0; i < frame.n; i += 1) {
      const seq = cols.seq[i] ?? 0;
      // Columns rely on rising seqs; a record that is there already, or that a gap has named, adds nothing.
      if (seq <= last) continue;
      last = seq;
      columns.push(
        {
          seq,
          timeUs: cols.time_us[i] ?? 0,
          type: name(cols.type[i]),
          source: name(cols.source[i]),
          target: name(cols.target[i]),
          session: name(cols.session[i]),
          outcome: cols.outcome[i] ?? 0,
          bytes: cols.bytes[i] ?? 0,
          call: cols.call?.[i] ?? 0,
        },
        cols.preview?.[i] ?? null,
      );
      this.received += 1;
    }
    this.#reached(frame.through_seq);
    this.lagging = false;
    this.skipped = 0;
  }

  gap(frame: GapFrame): void {
    if (frame.to_seq > this.throughSeq) {
      this.columns.pushGap(Math.max(frame.from_seq, this.throughSeq + 1), frame.to_seq, frame.reason);
    }
    this.#reached(frame.to_seq);
    this.lagging = false;
    this.skipped = 0;
  }

  counters(frame: CountersFrame): void {
    this.headSeq = Math.max(this.headSeq, frame.head_seq);
    this.skipped = frame.skipped;
    this.lagging = true;
  }

  #reached(seq: number): void {
    this.throughSeq = Math.max(this.throughSeq, seq);
    this.headSeq = Math.max(this.headSeq, seq);
  }
}
