import type { Facet, FromWorker, LogFilter, StatusMessage, ToWorker } from '../messages';
import { Columns } from './columns';
import { Connection, type ConnectionPorts } from './connection';
import { Log } from './log';
import { neighbour, overview } from './overview';
import type { Fetched } from './pages';
import { answerTimeline, isTimelineQuestion } from './timelineAnswers';
import { Rate } from './rate';

/** The shortest time between two status messages. */
const STATUS_EVERY_MS = 250;
/** The shortest time between two views: one frame. */
const VIEW_EVERY_MS = 16;
const FACETS_AT_MOST = 200;
/** What is held before there is a connection. */
const NOTHING = new Columns(1, 1);

export interface DataServerPorts extends Pick<ConnectionPorts, 'open' | 'later' | 'random' | 'now'> {
  post(message: FromWorker, transfer?: ArrayBuffer[]): void;
  fetch(path: string): Promise<Fetched>;
}

/** Owns the connection, the columns and the view, and answers the main thread. At most one view is on its way at a time. */
export class DataServer {
  readonly #ports: DataServerPorts;
  readonly #rate = new Rate();
  #connection: Connection | null = null;
  #log: Log | null = null;
  #filter: LogFilter = { text: '', run: null, range: null, session: null };
  #filterId = 0;
  #pausedAt: number | null = null;
  #window: { first: number | 'tail'; count: number } = { first: 'tail', count: 100 };
  #viewDirty = false;
  /** The main thread has taken the last view, so the next may be sent. */
  #taken = true;
  #viewScheduled = false;
  #statusScheduled = false;

  constructor(ports: DataServerPorts) {
    this.#ports = ports;
  }

  receive(message: ToWorker): void {
    if (isTimelineQuestion(message)) {
      const { message: answer, transfer } = answerTimeline(this.#connection?.ingest.columns ?? NOTHING, message);
      this.#ports.post(answer, transfer);
      return;
    }
    switch (message.type) {
      case 'start':
        this.#start(message);
        break;
      case 'filter':
        this.#filter = message.filter;
        this.#filterId = message.id;
        this.#log?.setFilter(message.filter);
        this.#touchView();
        break;
      case 'older':
        this.#log?.older();
        break;
      case 'fill':
        this.#log?.fill(message.from, message.to);
        break;
      case 'pause':
        this.#pausedAt = message.seq;
        this.#log?.setLimit(message.seq);
        this.#touchView();
        break;
      case 'window':
        this.#window = { first: message.first, count: message.count };
        this.#touchView();
        break;
      case 'step':
        this.#step(message.id, message.seq, message.delta);
        break;
      case 'facets':
        this.#facets(message.id);
        break;
      case 'overview': {
        const columns = this.#connection?.ingest.columns;
        if (columns === undefined) break;
        const { events, errors } = overview(columns, message.from, message.to, message.parts);
        this.#ports.post({ type: 'overview', id: message.id, events, errors }, [events.buffer, errors.buffer]);
        break;
      }
      case 'neighbour': {
        const columns = this.#connection?.ingest.columns;
        this.#ports.post({
          type: 'neighbour',
          id: message.id,
          found: columns === undefined ? null : neighbour(columns, message.seq, message.delta),
        });
        break;
      }
      case 'taken':
        this.#taken = true;
        if (this.#viewDirty) this.#scheduleView();
        break;
      case 'retry':
        this.#connection?.connect();
        break;
    }
  }

  #start({ url, pausedAt, epoch }: Extract<ToWorker, { type: 'start' }>): void {
    this.#pausedAt = pausedAt;
    const { open, later, random, now, post, fetch } = this.#ports;
    const connection = new Connection(url, { pausedAt, epoch }, {
      open,
      later,
      random,
      now,
      topology: (frame) => {
        post({ type: 'topology', frame });
      },
      reset: (newEpoch, previous) => {
        if (previous !== null) this.#pausedAt = null;
        this.#log?.replace(connection.ingest.columns, this.#pausedAt);
        post({ type: 'reset', epoch: newEpoch, previous });
      },
      changed: () => {
        this.#log?.advance();
        this.#touchView();
        this.#touchStatus();
      },
    });
    this.#connection = connection;
    const ends = (): { firstSeq: number; headSeq: number } => ({ firstSeq: connection.serverFirstSeq, headSeq: connection.ingest.headSeq });
    const changed = (): void => {
      this.#touchView();
    };
    this.#log = new Log(connection.ingest.columns, new URL(url).searchParams.get('workspace'), ends, { fetch, later, changed });
    this.#log.setLimit(pausedAt);
    this.#log.setFilter(this.#filter);
    connection.connect();
  }

  #touchView(): void {
    this.#viewDirty = true;
    if (this.#taken) this.#scheduleView();
  }

  #scheduleView(): void {
    if (this.#viewScheduled) return;
    this.#viewScheduled = true;
    this.#ports.later(() => {
      this.#viewScheduled = false;
      if (!this.#taken || !this.#viewDirty) return;
      this.#viewDirty = false;
      this.#taken = false;
      this.#postView();
    }, VIEW_EVERY_MS);
  }

  #touchStatus(): void {
    if (this.#statusScheduled) return;
    this.#statusScheduled = true;
    this.#ports.later(() => {
      this.#statusScheduled = false;
      this.#postStatus();
    }, STATUS_EVERY_MS);
  }

  #postStatus(): void {
    const connection = this.#connection;
    if (connection === null) return;
    const { ingest } = connection;
    const { columns } = ingest;
    const rate = this.#rate.at(this.#ports.now(), ingest.received);
    const message: StatusMessage = {
      type: 'status',
      phase: connection.phase,
      retryAt: connection.retryAt,
      server: connection.server,
      epoch: connection.epoch,
      headSeq: ingest.headSeq,
      serverFirstSeq: connection.serverFirstSeq,
      heldFirstSeq: columns.end === columns.first ? 0 : columns.seq(columns.first),
      held: columns.end - columns.first - columns.gaps,
      rate,
      skipped: ingest.skipped,
      error: connection.error,
    };
    this.#ports.post(message);
    // A rate falls to zero only when it is looked at again.
    if (rate > 0) this.#touchStatus();
  }

  #postView(): void {
    if (this.#log === null) return;
    const message = this.#log.window(this.#filterId, this.#window);
    const { seq, timeUs, bytes, outcome, gapTo } = message;
    this.#ports.post(message, [seq, timeUs, bytes, outcome, gapTo].map(({ buffer }) => buffer as ArrayBuffer));
  }

  /** From `seq` `delta` rows on, kept within the view. From nowhere: the newest row, or the oldest when going to the start. */
  #step(id: number, seq: number | null, delta: number): void {
    const view = this.#log?.listing();
    if (view === undefined) return;
    if (view.end === view.first) {
      this.#ports.post({ type: 'stepped', id, seq: null, ordinal: 0 });
      return;
    }
    let ordinal = delta === Number.NEGATIVE_INFINITY ? view.first : view.end - 1;
    if (seq !== null) {
      const at = view.ordinalOf(seq);
      const isThere = at < view.end && view.seqAt(at) === seq;
      // From a seq that isn't shown, one step down is the row that follows it.
      ordinal = at + (delta > 0 && !isThere ? delta - 1 : delta);
    }
    ordinal = Math.max(view.first, Math.min(ordinal, view.end - 1));
    this.#ports.post({ type: 'stepped', id, seq: view.seqAt(ordinal), ordinal });
  }

  #facets(id: number): void {
    const columns = this.#connection?.ingest.columns;
    if (columns === undefined) return;
    const types = new Map<number, number>();
    const nodes = new Map<number, number>();
    const sessions = new Map<number, number>();
    const count = (counts: Map<number, number>, key: number): void => {
      if (key !== 0) counts.set(key, (counts.get(key) ?? 0) + 1);
    };
    for (let row = columns.first; row < columns.end; row += 1) {
      if (columns.gapTo(row) !== 0) continue;
      count(types, columns.type(row));
      count(sessions, columns.session(row));
      count(nodes, columns.source(row));
      if (columns.target(row) !== columns.source(row)) count(nodes, columns.target(row));
    }
    const top = (counts: Map<number, number>): Facet[] =>
      [...counts]
        .map(([key, n]) => ({ value: columns.strings.get(key), count: n }))
        .sort((a, b) => b.count - a.count || (a.value < b.value ? -1 : 1))
        .slice(0, FACETS_AT_MOST);
    this.#ports.post({ type: 'facets', id, types: top(types), nodes: top(nodes), sessions: top(sessions) });
  }
}
