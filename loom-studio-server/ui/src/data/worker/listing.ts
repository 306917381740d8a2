import type { Columns } from './columns';
import type { Pages } from './pages';
import type { View } from './view';

/** A stretch of rows: those of a page, rows held, or one that stands for what is missing. */
export interface Segment {
  count: number;
  /** The row's columns and number, or the range it stands for. */
  at(index: number): { columns: Columns; row: number } | { from: number; to: number; reason: string };
}

function blockSegment(columns: Columns, end: number): Segment {
  return { count: end, at: (row) => ({ columns, row }) };
}

/** The rows of pages up to a seq. */
export function pageSegments(pages: Pages, limit: number | null): Segment[] {
  return pages.blocks.map((columns) => blockSegment(columns, limit === null ? columns.end : columns.lowerBound(limit + 1)));
}

export interface Parts {
  columns: Columns;
  view: View;
  limit: number | null;
  /** Rows from before what is held, when asked for. */
  older: Pages | null;
  /** Rows of gaps, by the gap's first seq. */
  fills: ReadonlyMap<number, Pages>;
}

/** What is held, with what the server sent put in its place. Rows before what is held have ordinals below `view.first`. */
export function heldListing({ columns, view, limit, older, fills }: Parts): Listing {
  const before = older === null ? [] : pageSegments(older, limit);
  const heldFirst = columns.end === columns.first ? 0 : columns.seq(columns.first);
  // Rows that the ring dropped since then.
  if (older !== null && heldFirst > older.coveredTo + 1) {
    const from = older.coveredTo + 1;
    before.push({ count: 1, at: () => ({ from, to: heldFirst - 1, reason: 'dropped' }) });
  }
  const segments: Segment[] = [];
  const held = (from: number, to: number): Segment => ({ count: to - from, at: (index) => ({ columns, row: view.rowAt(from + index) }) });
  let from = view.first;
  for (const [seq, pages] of [...fills].sort(([a], [b]) => a - b)) {
    const ordinal = view.ordinalOf(seq);
    if (ordinal >= view.end || ordinal < from || columns.seq(view.rowAt(ordinal)) !== seq) continue;
    segments.push(held(from, ordinal));
    const row = view.rowAt(ordinal);
    const missing = pages.state === 'complete' ? { from: seq, to: columns.gapTo(row), reason: 'filled' } : { from: seq, to: pages.oldest - 1, reason: columns.strings.get(columns.type(row)) };
    segments.push({ count: 1, at: () => missing }, ...pageSegments(pages, limit));
    from = ordinal + 1;
  }
  segments.push(held(from, view.end));
  return new Listing([...before, ...segments], view.first - before.reduce((sum, { count }) => sum + count, 0));
}

/** Rows from several places as one list, named by ordinals. */
export class Listing {
  readonly segments: Segment[];
  readonly first: number;
  readonly end: number;

  constructor(segments: Segment[], first: number) {
    this.segments = segments.filter(({ count }) => count > 0);
    this.first = first;
    this.end = first + this.segments.reduce((sum, { count }) => sum + count, 0);
  }

  /** What stands at an ordinal between `first` and `end`. */
  at(ordinal: number): ReturnType<Segment['at']> {
    let index = ordinal - this.first;
    for (const segment of this.segments) {
      if (index < segment.count) return segment.at(index);
      index -= segment.count;
    }
    throw new RangeError('no such ordinal');
  }

  seqAt(ordinal: number): number {
    const found = this.at(ordinal);
    return 'columns' in found ? found.columns.seq(found.row) : found.from;
  }

  /** First ordinal whose seq is not below `seq`; `end` when there is none. */
  ordinalOf(seq: number): number {
    let low = this.first;
    let high = this.end;
    while (low < high) {
      const middle = low + Math.floor((high - low) / 2);
      if (this.seqAt(middle) < seq) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
