import { useConnection } from './connectionStore';
import { External } from './external';
import type {
  Answer,
  ExtentMessage,
  FacetsMessage,
  FromWorker,
  LatenciesMessage,
  LogFilter,
  NearestMessage,
  NeighbourMessage,
  OverviewMessage,
  SteppedMessage,
  TimelineMessage,
  TimesMessage,
  ToWorker,
  ViewMessage,
} from './messages';
import type { ScreenPiece } from './timeAxis';
import { TopologyModel } from './topology';
import { currentUrlState, setUrlState } from './useUrlState';

/** The part of a Worker this module uses. */
export interface WorkerPort {
  onmessage: ((event: MessageEvent<FromWorker>) => void) | null;
  postMessage(message: ToWorker): void;
}

/** The main thread's end of the data worker. */
export class DataClient {
  /** The newest window of the log; null before the first. */
  readonly view = new External<ViewMessage | null>(null);
  /** The live topology. Its number changes with every change of the model. */
  readonly topology = new TopologyModel();
  readonly topologyVersion = new External(0);
  /** Counts the times the server's store turned out to be another one. */
  readonly startedOver = new External(0);
  readonly #port: WorkerPort;
  #query = 0;
  #filterId = 0;
  /** Who waits for the answer to which question. */
  readonly #asked = new Map<number, (answer: Answer) => void>();

  constructor(port: WorkerPort) {
    this.#port = port;
    port.onmessage = ({ data }) => {
      this.#receive(data);
    };
  }

  start(url: string, pausedAt: number | null, epoch: string | null): void {
    this.#port.postMessage({ type: 'start', url, pausedAt, epoch });
  }

  setFilter(filter: LogFilter): void {
    this.#filterId += 1;
    this.#port.postMessage({ type: 'filter', id: this.#filterId, filter });
  }

  /** Loads older rows of the log from the server. */
  loadOlder(): void {
    this.#port.postMessage({ type: 'older' });
  }

  /** Loads rows that a gap left out from the server. */
  fillGap(from: number, to: number): void {
    this.#port.postMessage({ type: 'fill', from, to });
  }

  setPaused(seq: number | null): void {
    this.#port.postMessage({ type: 'pause', seq });
  }

  setWindow(first: number | 'tail', count: number): void {
    this.#port.postMessage({ type: 'window', first, count });
  }

  retry(): void {
    this.#port.postMessage({ type: 'retry' });
  }

  step(seq: number | null, delta: number): Promise<SteppedMessage> {
    return this.#ask((id) => ({ type: 'step', id, seq, delta }));
  }

  facets(): Promise<FacetsMessage> {
    return this.#ask((id) => ({ type: 'facets', id }));
  }

  overview(from: number, to: number, parts: number): Promise<OverviewMessage> {
    return this.#ask((id) => ({ type: 'overview', id, from, to, parts }));
  }

  neighbour(seq: number, delta: 1 | -1): Promise<NeighbourMessage> {
    return this.#ask((id) => ({ type: 'neighbour', id, seq, delta }));
  }

  extent(): Promise<ExtentMessage> {
    return this.#ask((id) => ({ type: 'extent', id }));
  }

  timeline(query: { pieces: ScreenPiece[]; width: number; lanes: string[]; marksAtMost: number }): Promise<TimelineMessage> {
    return this.#ask((id) => ({ type: 'timeline', id, ...query }));
  }

  times(seqs: number[]): Promise<TimesMessage> {
    return this.#ask((id) => ({ type: 'times', id, seqs }));
  }

  latencies(parts: number): Promise<LatenciesMessage> {
    return this.#ask((id) => ({ type: 'latencies', id, parts }));
  }

  nearest(timeUs: number): Promise<NearestMessage> {
    return this.#ask((id) => ({ type: 'nearest', id, timeUs }));
  }

  #ask<A extends Answer>(question: (id: number) => ToWorker): Promise<A> {
    this.#query += 1;
    const id = this.#query;
    return new Promise((resolve) => {
      this.#asked.set(id, resolve as (answer: Answer) => void);
      this.#port.postMessage(question(id));
    });
  }

  #receive(message: FromWorker): void {
    switch (message.type) {
      case 'status':
        useConnection.setState(message);
        break;
      case 'view':
        // Asking for the next view only from a frame keeps a busy worker from outrunning the page.
        requestAnimationFrame(() => {
          this.#port.postMessage({ type: 'taken' });
        });
        if (message.filterId === this.#filterId) this.view.set(message);
        break;
      case 'topology':
        this.topology.apply(message.frame);
        this.topologyVersion.set(this.topologyVersion.get() + 1);
        break;
      case 'stepped':
      case 'facets':
      case 'overview':
      case 'neighbour':
      case 'extent':
      case 'timeline':
      case 'times':
      case 'latencies':
      case 'nearest':
        this.#asked.get(message.id)?.(message);
        this.#asked.delete(message.id);
        break;
      case 'reset':
        this.#startOver(message.epoch, message.previous);
        break;
    }
  }

  #startOver(epoch: string, previous: string | null): void {
    this.topology.clear();
    this.topologyVersion.set(this.topologyVersion.get() + 1);
    this.startedOver.set(this.startedOver.get() + (previous === null ? 0 : 1));
    const linked = currentUrlState().epoch;
    if (linked !== null && linked !== epoch) setUrlState({ seq: null, at: null, compare: null, run: null });
  }
}

/** The live socket's address on the server that served this page. */
export function eventsUrl(location: Pick<Location, 'protocol' | 'host'>, workspace: string | null): string {
  const scheme = location.protocol === 'https:' ? 'wss:' : 'ws:';
  const query = workspace === null ? '' : `?workspace=${encodeURIComponent(workspace)}`;
  return `${scheme}//${location.host}/ws/events${query}`;
}

let client: DataClient | null = null;

/** The page's one data client. The worker starts with the first call. */
export function dataClient(): DataClient {
  if (client === null) {
    client = new DataClient(new Worker(new URL('./worker/data.worker.ts', import.meta.url), { type: 'module', name: 'data' }));
    const { workspace, at, epoch } = currentUrlState();
    client.start(eventsUrl(window.location, workspace), at, epoch);
  }
  return client;
}
