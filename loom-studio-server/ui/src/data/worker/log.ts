import { asCondition, parseFilter, type Filter } from '../condition';
import type { LogFilter, ViewMessage, WindowFacts } from '../messages';
import { Outcome } from '../outcome';
import type { Columns } from './columns';
import { heldListing, Listing, pageSegments } from './listing';
import { compileFilter } from './match';
import { Pages, type Fetched, type PageProblem } from './pages';
import { View } from './view';

/** A condition that only the server can test is asked for once nobody has typed for so long. */
const SETTLED_MS = 250;
/** What has come since is asked for at most so often. */
const NEWER_EVERY_MS = 1000;

export interface LogPorts {
  fetch(path: string): Promise<Fetched>;
  later(run: () => void, ms: number): () => void;
  changed(): void;
}

/** What the server knows, as far as the connection has heard. */
export interface ServerEnds {
  firstSeq: number;
  headSeq: number;
}

/**
 * The rows that the log shows: those held that pass the filter, with older ones and gaps from the server put in their
 * place; or, where the filter needs more than what is held, the server's answer.
 */
export class Log {
  readonly #ports: LogPorts;
  readonly #workspace: string | null;
  readonly #ends: () => ServerEnds;
  #columns: Columns;
  #view: View;
  #wanted: LogFilter = { text: '', run: null, range: null, session: null };
  #filter: Filter = { kind: 'all' };
  #limit: number | null = null;
  /** The server's answer in place of what is held; `null` where that suffices. */
  #answer: Pages | null = null;
  #older: Pages | null = null;
  readonly #fills = new Map<number, Pages>();
  #cancel: (() => void) | null = null;
  #isRenewing = false;
  #problem: PageProblem | null = null;
  #isAsking = false;

  constructor(columns: Columns, workspace: string | null, ends: () => ServerEnds, ports: LogPorts) {
    this.#ports = ports;
    this.#workspace = workspace;
    this.#ends = ends;
    this.#columns = columns;
    this.#view = new View(columns);
  }

  /** Another store, and nothing of what was held. */
  replace(columns: Columns, limit: number | null): void {
    this.#columns = columns;
    this.#view = new View(columns);
    this.#limit = limit;
    this.#view.setLimit(limit);
    this.setFilter(this.#wanted);
  }

  setFilter(wanted: LogFilter): void {
    const before = this.#filter.kind;
    this.#wanted = wanted;
    this.#filter = parseFilter(wanted.text);
    this.#dropPatches();
    this.#cancel?.();
    this.#cancel = null;
    this.#problem = null;
    this.#isAsking = false;
    if (this.#filter.kind !== 'server' && wanted.run === null) {
      const apply = (): void => {
        this.#setAnswer(null);
        this.#view.setMatcher(compileFilter(this.#columns, this.#filter, wanted.range, wanted.session));
        this.#ports.changed();
      };
      // A word may be the beginning of a condition.
      if (this.#filter.kind === 'words' && before !== 'words') this.#cancel = this.#ports.later(apply, SETTLED_MS);
      else apply();
      return;
    }
    // The words that became a condition were none.
    if (before === 'words') this.#view.setMatcher(compileFilter(this.#columns, { kind: 'all' }, wanted.range, wanted.session));
    this.#isAsking = true;
    // What was shown before stands until the answer is there: half a condition is no filter.
    this.#cancel = this.#ports.later(() => {
      this.#cancel = null;
      void this.#askAnew();
    }, SETTLED_MS);
  }

  setLimit(limit: number | null): void {
    this.#limit = limit;
    this.#view.setLimit(limit);
    this.#view.advance();
    const answer = this.#answer;
    if (answer !== null && limit !== null && limit < answer.oldest && answer.hasMore) void this.#askAnew();
    else this.advance();
  }

  #setAnswer(answer: Pages | null): void {
    if (this.#answer !== answer) this.#answer?.close();
    this.#answer = answer;
  }

  #dropPatches(): void {
    for (const pages of [this.#older, ...this.#fills.values()]) pages?.close();
    this.#older = null;
    this.#fills.clear();
  }

  #pages(downTo: number, upTo: number): Pages {
    const { fetch, changed } = this.#ports;
    const { text, run, range, session } = this.#wanted;
    return new Pages({ where: asCondition(text), run, range, session, upTo, downTo }, { fetch, changed, workspace: this.#workspace });
  }

  async #askAnew(): Promise<void> {
    const wanted = this.#wanted;
    const pages = this.#pages(0, this.#limit ?? this.#ends().headSeq);
    this.#isAsking = true;
    this.#ports.changed();
    await pages.older();
    if (wanted !== this.#wanted) return;
    this.#isAsking = false;
    this.#problem = pages.problem;
    if (pages.problem === null) this.#setAnswer(pages);
    this.#ports.changed();
  }

  /** Takes in what came and lets go of what was dropped. */
  advance(): void {
    this.#view.advance();
    const answer = this.#answer;
    const head = this.#limit ?? this.#ends().headSeq;
    if (answer === null || this.#isRenewing || head <= answer.coveredTo) return;
    this.#isRenewing = true;
    const renewed = answer.newer(head);
    this.#ports.later(() => {
      void renewed.then((isWhole) => {
        this.#isRenewing = false;
        if (answer !== this.#answer) return;
        if (isWhole) this.advance();
        else void this.#askAnew();
      }, () => {
        this.#isRenewing = false;
      });
    }, NEWER_EVERY_MS);
  }

  /** Loads the next page of older rows, if the server has any. */
  older(): void {
    if (this.#answer !== null) {
      void this.#answer.older();
      return;
    }
    const heldFirst = this.#heldFirst();
    if (heldFirst === 0 || heldFirst <= this.#ends().firstSeq) return;
    this.#older ??= this.#pages(0, heldFirst - 1);
    void this.#older.older();
  }

  /** Loads the newest page of what a gap left out. */
  fill(from: number, to: number): void {
    if (this.#older !== null && from > this.#older.coveredTo && from <= this.#heldFirst()) {
      // The ring went on: what was loaded before it is asked for anew.
      this.#older.close();
      this.#older = null;
      this.older();
      return;
    }
    const pages = this.#fills.get(from) ?? this.#pages(from, to);
    this.#fills.set(from, pages);
    void pages.older();
  }

  #heldFirst(): number {
    return this.#columns.end === this.#columns.first ? 0 : this.#columns.seq(this.#columns.first);
  }

  listing(): Listing {
    this.#view.advance();
    const answer = this.#answer;
    if (answer !== null) return new Listing(pageSegments(answer, this.#limit), 0 - answer.prepended);
    return heldListing({ columns: this.#columns, view: this.#view, limit: this.#limit, older: this.#older, fills: this.#fills });
  }

  /** What the list is, and what it leaves out. */
  facts(): WindowFacts {
    const { firstSeq } = this.#ends();
    const answer = this.#answer;
    const pages = answer ?? this.#older;
    const heldFirst = this.#heldFirst();
    const isLoading = this.#isAsking || pages?.state === 'loading' || [...this.#fills.values()].some(({ state }) => state === 'loading');
    const problem = this.#problem ?? pages?.problem ?? [...this.#fills.values()].map((fill) => fill.problem).find((found) => found !== null) ?? null;
    const hasOlder = answer !== null ? answer.hasMore : (this.#older?.hasMore ?? (heldFirst > firstSeq && firstSeq > 0));
    return {
      isServers: answer !== null,
      isApplied: !this.#isAsking && this.#problem === null,
      isLoading,
      problem,
      older: hasOlder ? { from: firstSeq, to: (pages?.oldest ?? heldFirst) - 1 } : null,
      loaded: this.#older?.rows ?? 0,
      looked: answer?.looked ?? 0,
      total: answer?.total ?? 0,
      isExact: answer?.isExact ?? true,
      gaps: answer === null ? this.#view.gaps : 0,
      pending: this.#columns.end - this.#columns.lowerBound((this.#limit ?? Infinity) + 1),
      previewsFrom: this.#filter.kind === 'words' && this.#columns.previewsFirst > this.#columns.first ? this.#columns.seq(this.#columns.previewsFirst) : 0,
    };
  }

  /** One window of the list. */
  window(filterId: number, window: { first: number | 'tail'; count: number }): ViewMessage {
    const listing = this.listing();
    const count = Math.min(window.count, listing.end - listing.first);
    const wanted = window.first === 'tail' ? listing.end - count : window.first;
    const offset = Math.max(listing.first, Math.min(wanted, listing.end - count));
    const message: ViewMessage = {
      type: 'view',
      filterId,
      first: listing.first,
      end: listing.end,
      offset,
      seq: new Float64Array(count),
      timeUs: new Float64Array(count),
      bytes: new Float64Array(count),
      outcome: new Uint8Array(count),
      gapTo: new Float64Array(count),
      kind: [],
      source: [],
      target: [],
      session: [],
      preview: [],
      ...this.facts(),
    };
    for (let i = 0; i < count; i += 1) {
      const found = listing.at(offset + i);
      if ('columns' in found) {
        const { columns, row } = found;
        message.seq[i] = columns.seq(row);
        message.timeUs[i] = columns.timeUs(row);
        message.bytes[i] = columns.bytes(row);
        message.outcome[i] = columns.outcome(row);
        message.gapTo[i] = columns.gapTo(row);
        message.kind.push(columns.strings.get(columns.type(row)));
        message.source.push(columns.strings.get(columns.source(row)));
        message.target.push(columns.strings.get(columns.target(row)));
        message.session.push(columns.strings.get(columns.session(row)));
        message.preview.push(columns.preview(row));
      } else {
        message.seq[i] = found.from;
        message.outcome[i] = Outcome.Gap;
        message.gapTo[i] = found.to;
        message.kind.push(found.reason);
        for (const list of [message.source, message.target, message.session]) list.push('');
        message.preview.push(null);
      }
    }
    return message;
  }
}
