import type { Columns } from './columns';
import type { Matcher } from './match';

/**
 * The rows of the log that pass a filter, up to where the view is paused.
 *
 * A match is named by its ordinal, which keeps naming the same row while old rows are dropped. Without a filter ordinals
 * are row numbers and nothing is stored.
 */
export class View {
  readonly #columns: Columns;
  #matcher: Matcher | null = null;
  /** Last seq shown; null follows the log. */
  #limit: number | null = null;
  /** Rows below this number have been looked at. */
  #scanned = 0;
  /** Rows that match, oldest first; entries before `#head` have been dropped from the log. */
  #rows = new Uint32Array(1024);
  #head = 0;
  #length = 0;
  /** Ordinal of `#rows[0]`. */
  #base = 0;

  constructor(columns: Columns) {
    this.#columns = columns;
  }

  setMatcher(matcher: Matcher | null): void {
    this.#matcher = matcher;
    this.#restart();
  }

  setLimit(seq: number | null): void {
    const shrinks = seq !== null && (this.#limit === null || seq < this.#limit);
    this.#limit = seq;
    if (shrinks && this.#matcher !== null) this.#restart();
  }

  #restart(): void {
    this.#scanned = this.#columns.first;
    this.#head = 0;
    this.#length = 0;
    this.#base = 0;
    this.advance();
  }

  /** Row number after the last one that may be shown. */
  get #rowEnd(): number {
    return this.#limit === null ? this.#columns.end : this.#columns.lowerBound(this.#limit + 1);
  }

  /** Takes in rows that came, and lets go of rows that were dropped, since the last call. */
  advance(): void {
    const matcher = this.#matcher;
    if (matcher === null) return;
    const { first } = this.#columns;
    const rowEnd = this.#rowEnd;
    for (let row = Math.max(this.#scanned, first); row < rowEnd; row += 1) if (matcher(row)) this.#push(row);
    this.#scanned = Math.max(this.#scanned, rowEnd);
    while (this.#head < this.#length && (this.#rows[this.#head] as number) < first) this.#head += 1;
    if (this.#head > 4096 && this.#head * 2 > this.#length) {
      this.#rows.copyWithin(0, this.#head, this.#length);
      this.#base += this.#head;
      this.#length -= this.#head;
      this.#head = 0;
    }
  }

  #push(row: number): void {
    if (this.#length === this.#rows.length) {
      const grown = new Uint32Array(this.#rows.length * 2);
      grown.set(this.#rows);
      this.#rows = grown;
    }
    this.#rows[this.#length] = row;
    this.#length += 1;
  }

  get first(): number {
    return this.#matcher === null ? Math.min(this.#columns.first, this.end) : this.#base + this.#head;
  }

  get end(): number {
    return this.#matcher === null ? this.#rowEnd : this.#base + this.#length;
  }

  /** Rows of the log after the pause. */
  get pending(): number {
    return this.#columns.end - this.#rowEnd;
  }

  /** Gap rows among the rows shown; every filter lets them through. */
  get gaps(): number {
    return this.#columns.gapsBefore(this.#rowEnd);
  }

  /** The row of an ordinal between `first` and `end`. */
  rowAt(ordinal: number): number {
    return this.#matcher === null ? ordinal : (this.#rows[ordinal - this.#base] as number);
  }

  /** First ordinal whose seq is not below `seq`; `end` when there is none. */
  ordinalOf(seq: number): number {
    let low = this.first;
    let high = this.end;
    while (low < high) {
      const middle = low + Math.floor((high - low) / 2);
      if (this.#columns.seq(this.rowAt(middle)) < seq) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
