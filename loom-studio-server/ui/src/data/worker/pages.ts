import type { EventsFrame } from '../protocol';
import { Columns } from './columns';
import { Ingest } from './ingest';
import type { TimeRange } from './match';

/** Rows of a page. */
export const PAGE_ROWS = 500;

/** What is wrong with a question, or with the way to the server (`code` `unreachable`). */
export interface PageProblem {
  code: string;
  detail: string;
  position: number | null;
}

/** An answer of the server, its status included. */
export interface Fetched {
  ok: boolean;
  body: unknown;
}

export interface PagesQuery {
  /** A condition; empty for everything. */
  where: string;
  run: number | null;
  range: TimeRange | null;
  session: string | null;
  /** The newest and oldest seq that belong to it. */
  upTo: number;
  downTo: number;
}

interface PageAnswer {
  columns: Pick<EventsFrame, 'dict' | 'n' | 'cols'>;
  total: number;
  total_is: 'exact' | 'at_least';
  next_cursor: string | null;
  scanned?: number;
}

type State = 'idle' | 'loading' | 'complete' | 'failed';

const seconds = (us: number): string => `${String(Math.floor(us / 1e6))}.${String(us % 1e6).padStart(6, '0')}`;

function path(base: string, query: Record<string, string | number | null>, workspace: string | null): string {
  const params = new URLSearchParams();
  for (const [name, value] of Object.entries({ ...query, workspace })) if (value !== null && value !== '') params.set(name, String(value));
  return `${base}?${params.toString()}`;
}

/** The rows of a page, which come newest first, in the order of the log. */
function toColumns({ dict, n, cols }: PageAnswer['columns'], from: number, to: number): Columns {
  const order = Array.from({ length: n }, (_, i) => n - 1 - i).filter((i) => (cols.seq[i] ?? 0) >= from && (cols.seq[i] ?? 0) <= to);
  const pick = <T>(values: T[]): T[] => order.map((i) => values[i] as T);
  const ingest = new Ingest(new Columns(Math.max(1, order.length), Math.max(1, order.length)));
  ingest.events({
    type: 'events', sub: 0, through_seq: to, dict, n: order.length,
    cols: {
      seq: pick(cols.seq), time_us: pick(cols.time_us), type: pick(cols.type), source: pick(cols.source), target: pick(cols.target),
      session: pick(cols.session), outcome: pick(cols.outcome), bytes: pick(cols.bytes), ...(cols.preview === undefined ? {} : { preview: pick(cols.preview) }),
    },
  });
  return ingest.columns;
}

export interface PagesPorts {
  fetch(path: string): Promise<Fetched>;
  workspace: string | null;
  changed(): void;
}

/**
 * The answer of the server to one question, newest page first, and what has come since.
 *
 * Everything that matches between the oldest row (once complete: `downTo`) and `coveredTo` is in `blocks`, oldest first.
 */
export class Pages {
  readonly query: PagesQuery;
  blocks: Columns[] = [];
  /** Rows that went before and after the first page: how far the list has grown at either end. */
  prepended = 0;
  state: State = 'idle';
  problem: PageProblem | null = null;
  /** Events the server looked at one by one; matches it knows of, and whether there may be more. */
  looked = 0;
  total = 0;
  isExact = false;
  coveredTo: number;
  readonly #ports: PagesPorts;
  #cursor: string | null = null;
  #lookedBefore = 0;
  #isClosed = false;
  #isRenewing = false;

  constructor(query: PagesQuery, ports: PagesPorts) {
    this.query = query;
    this.coveredTo = query.upTo;
    this.#ports = ports;
  }

  get rows(): number {
    return this.blocks.reduce((sum, columns) => sum + columns.end, 0);
  }

  /** The oldest seq there is a row of; one above `coveredTo` when there is none. */
  get oldest(): number {
    const first = this.blocks.find((columns) => columns.end > 0);
    return first === undefined ? this.coveredTo + 1 : first.seq(0);
  }

  get hasMore(): boolean {
    return this.state === 'idle' || this.state === 'failed';
  }

  /** Answers that are still on their way are not taken any more. */
  close(): void {
    this.#isClosed = true;
  }

  async #ask(upTo: number, cursor: string | null): Promise<PageAnswer | PageProblem> {
    const { where, run, range, session } = this.query;
    const times = range === null ? {} : { start_time: seconds(range.fromUs), end_time: seconds(range.toUs) };
    const query = { format: 'columns', order: '-seq', limit: PAGE_ROWS, where, run_id: run, session_id: session, ...times, up_to: upTo, cursor };
    const { ok, body } = await this.#ports.fetch(path('/api/events', query, this.#ports.workspace));
    if (ok) return body as PageAnswer;
    const { code, detail, position } = body as Partial<PageProblem>;
    return { code: code ?? 'unknown', detail: detail ?? '', position: position ?? null };
  }

  /** Loads the next older page. */
  async older(): Promise<void> {
    if (!this.hasMore || this.#isClosed) return;
    this.state = 'loading';
    this.#ports.changed();
    const answer = await this.#ask(this.query.upTo, this.#cursor);
    if (this.#isClosed) return;
    if ('code' in answer) {
      this.state = 'failed';
      this.problem = answer;
    } else {
      this.problem = null;
      const { columns, next_cursor: next } = answer;
      const last = columns.cols.seq.at(-1) ?? Infinity;
      const page = toColumns(columns, this.query.downTo, this.query.upTo);
      if (this.blocks.length > 0) this.prepended += page.end;
      this.blocks.unshift(page);
      this.#cursor = next;
      this.state = next === null || last <= this.query.downTo ? 'complete' : 'idle';
      this.looked = this.#lookedBefore + (answer.scanned ?? 0);
      if (columns.n < PAGE_ROWS) this.#lookedBefore = this.looked;
      this.total = answer.total;
      this.isExact = answer.total_is === 'exact';
    }
    this.#ports.changed();
  }

  /** Loads what came after `coveredTo`, up to `head`. `false` when that is more than a page: the question is better asked anew. */
  async newer(head: number): Promise<boolean> {
    if (this.#isClosed || this.#isRenewing || head <= this.coveredTo || this.blocks.length === 0) return true;
    this.#isRenewing = true;
    try {
      if (!(await this.#hasNewer(head))) return true;
      const answer = await this.#ask(head, null);
      if (this.#isClosed || 'code' in answer) return true;
      const { columns, total, total_is: totalIs } = answer;
      if (columns.n > 0 && (columns.cols.seq.at(-1) ?? 0) > this.coveredTo && answer.next_cursor !== null) return false;
      const page = toColumns(columns, this.coveredTo + 1, head);
      if (page.end > 0) this.blocks.push(page);
      this.total = total;
      this.isExact = totalIs === 'exact';
      this.coveredTo = head;
      this.#ports.changed();
      return true;
    } finally {
      this.#isRenewing = false;
    }
  }

  /** Whether anything matches behind `coveredTo`: asks for as little as it can. */
  async #hasNewer(head: number): Promise<boolean> {
    const { where, run, range, session } = this.query;
    if (run !== null || where === '') return true;
    const times = range === null ? {} : { start_time: seconds(range.fromUs), end_time: seconds(range.toUs) };
    const query = { where, from_seq: this.coveredTo + 1, to_seq: head, session_id: session, ...times };
    const { ok, body } = await this.#ports.fetch(path('/api/events/first', query, this.#ports.workspace));
    if (!ok || this.#isClosed) return false;
    const { event, scanned_through: through } = body as { event: unknown; scanned_through: number };
    if (event !== null) return true;
    this.coveredTo = Math.max(this.coveredTo, Math.min(head, through));
    return false;
  }
}
