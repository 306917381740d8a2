import { Outcome } from '../outcome';
import { Strings } from './strings';

export interface Row {
  seq: number;
  timeUs: number;
  type: number;
  source: number;
  target: number;
  session: number;
  outcome: number;
  bytes: number;
  /** The seq of the other half of its call, its own for a request nobody has answered, else 0. */
  call: number;
}

const FIRST_ALLOCATION = 16_384;

/**
 * The log as typed columns in a ring. Rows are named by their absolute number, which never changes: `first` ≤ row < `end`.
 *
 * Invariants: `seq` rises strictly with the row; at most `capacity` rows are held, the oldest are dropped; columns grow by
 * doubling until the ring is full, and only a full ring wraps.
 */
export class Columns {
  readonly strings = new Strings();
  readonly capacity: number;
  first = 0;
  end = 0;
  /** Gap rows held. Events held are `end - first - gaps`. */
  gaps = 0;
  #length: number;
  #seq: Float64Array<ArrayBuffer>;
  #timeUs: Float64Array<ArrayBuffer>;
  #type: Uint32Array<ArrayBuffer>;
  #source: Uint32Array<ArrayBuffer>;
  #target: Uint32Array<ArrayBuffer>;
  #session: Uint32Array<ArrayBuffer>;
  #bytes: Uint32Array<ArrayBuffer>;
  #outcome: Uint8Array<ArrayBuffer>;
  #call: Float64Array<ArrayBuffer>;
  readonly #previews: (string | null)[] = [];
  readonly #previewCapacity: number;
  readonly #gapTo = new Map<number, number>();

  constructor(capacity = 1_000_000, previewCapacity = 20_000) {
    this.capacity = capacity;
    this.#previewCapacity = Math.min(previewCapacity, capacity);
    this.#length = Math.min(FIRST_ALLOCATION, capacity);
    this.#seq = new Float64Array(this.#length);
    this.#timeUs = new Float64Array(this.#length);
    this.#type = new Uint32Array(this.#length);
    this.#source = new Uint32Array(this.#length);
    this.#target = new Uint32Array(this.#length);
    this.#session = new Uint32Array(this.#length);
    this.#bytes = new Uint32Array(this.#length);
    this.#outcome = new Uint8Array(this.#length);
    this.#call = new Float64Array(this.#length);
  }

  /** Oldest row whose preview is still held. */
  get previewsFirst(): number {
    return Math.max(this.first, this.end - this.#previewCapacity);
  }

  push(row: Row, preview: string | null): void {
    if (this.end - this.first === this.#length) this.#makeRoom();
    const slot = this.end % this.#length;
    this.#seq[slot] = row.seq;
    this.#timeUs[slot] = row.timeUs;
    this.#type[slot] = row.type;
    this.#source[slot] = row.source;
    this.#target[slot] = row.target;
    this.#session[slot] = row.session;
    this.#bytes[slot] = row.bytes;
    this.#outcome[slot] = row.outcome;
    this.#call[slot] = row.call;
    this.#previews[this.end % this.#previewCapacity] = preview;
    this.end += 1;
    if (row.call !== 0 && row.call !== row.seq) this.#join(row);
  }

  /** Tells the other half of a call of this one. The first reply is the one that ended it. */
  #join({ seq, call }: Row): void {
    const other = this.lowerBound(call);
    if (other >= this.end || this.seq(other) !== call) return;
    const held = this.call(other);
    if (held === 0 || held === call) this.#call[other % this.#length] = seq;
  }

  /** Adds a row that stands for the records `from`…`to`, which aren't here. */
  pushGap(from: number, to: number, reason: string): void {
    const timeUs = this.end === this.first ? 0 : this.timeUs(this.end - 1);
    this.push(
      { seq: from, timeUs, type: this.strings.intern(reason), source: 0, target: 0, session: 0, outcome: Outcome.Gap, bytes: 0, call: 0 },
      null,
    );
    this.#gapTo.set(this.end - 1, to);
    this.gaps += 1;
  }

  #makeRoom(): void {
    if (this.#length < this.capacity) {
      const length = Math.min(this.#length * 2, this.capacity);
      const grow = <T extends Float64Array<ArrayBuffer> | Uint32Array<ArrayBuffer> | Uint8Array<ArrayBuffer>>(to: T, from: T): T => {
        to.set(from);
        return to;
      };
      this.#seq = grow(new Float64Array(length), this.#seq);
      this.#timeUs = grow(new Float64Array(length), this.#timeUs);
      this.#type = grow(new Uint32Array(length), this.#type);
      this.#source = grow(new Uint32Array(length), this.#source);
      this.#target = grow(new Uint32Array(length), this.#target);
      this.#session = grow(new Uint32Array(length), this.#session);
      this.#bytes = grow(new Uint32Array(length), this.#bytes);
      this.#outcome = grow(new Uint8Array(length), this.#outcome);
      this.#call = grow(new Float64Array(length), this.#call);
      this.#length = length;
      return;
    }
    if (this.outcome(this.first) === Outcome.Gap) {
      this.#gapTo.delete(this.first);
      this.gaps -= 1;
    }
    this.first += 1;
  }

  seq(row: number): number {
    return this.#seq[row % this.#length] as number;
  }
  timeUs(row: number): number {
    return this.#timeUs[row % this.#length] as number;
  }
  type(row: number): number {
    return this.#type[row % this.#length] as number;
  }
  source(row: number): number {
    return this.#source[row % this.#length] as number;
  }
  target(row: number): number {
    return this.#target[row % this.#length] as number;
  }
  session(row: number): number {
    return this.#session[row % this.#length] as number;
  }
  bytes(row: number): number {
    return this.#bytes[row % this.#length] as number;
  }
  outcome(row: number): number {
    return this.#outcome[row % this.#length] as number;
  }
  /** The seq of the other half of a call; the row's own for an open request; 0 for what is part of no call. */
  call(row: number): number {
    return this.#call[row % this.#length] as number;
  }
  /** Last seq a gap row stands for; 0 when the row is an event. */
  gapTo(row: number): number {
    return this.#gapTo.get(row) ?? 0;
  }
  /** Gap rows below `row`. There are few: each is a time this page fell behind. */
  gapsBefore(row: number): number {
    let count = 0;
    for (const gap of this.#gapTo.keys()) if (gap < row) count += 1;
    return count;
  }
  preview(row: number): string | null {
    return row < this.previewsFirst ? null : (this.#previews[row % this.#previewCapacity] ?? null);
  }

  /** First row whose seq is not below `seq`; `end` when there is none. */
  lowerBound(seq: number): number {
    let low = this.first;
    let high = this.end;
    while (low < high) {
      const middle = low + Math.floor((high - low) / 2);
      if (this.seq(middle) < seq) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
