import type { Phase } from '../messages';
import { parseFrame, SUBPROTOCOL, type ClientFrame, type ServerFrame, type SubscribeFrom, type TopologyFrame } from '../protocol';
import { backoffMs } from './backoff';
import { Ingest } from './ingest';

/** The part of a WebSocket this module uses. */
export interface Socket {
  onmessage: ((event: { data: unknown }) => void) | null;
  onclose: (() => void) | null;
  send(text: string): void;
  close(): void;
}

/** What the outside gives and hears: passed in, so that tests run without a network or a clock. */
export interface ConnectionPorts {
  open(url: string, protocol: string): Socket;
  later(run: () => void, ms: number): () => void;
  random(): number;
  now(): number;
  topology(frame: TopologyFrame): void;
  /** What was held is gone: the server's store is another one than `previous`. */
  reset(epoch: string, previous: string | null): void;
  changed(): void;
}

/** Records before the head asked for by the first subscription. */
export const FIRST_RECORDS = 100_000;
/** `events` frames the server may have unacknowledged. */
const WINDOW_FRAMES = 64;
const ATTEMPTS_BEFORE_OFFLINE = 4;

/** Keeps one subscription alive over lost sockets and restarted servers, and feeds what comes into `ingest`. */
export class Connection {
  readonly #url: string;
  readonly #ports: ConnectionPorts;
  ingest = new Ingest();
  phase: Phase = 'connecting';
  retryAt: number | null = null;
  epoch: string | null;
  server: string | null = null;
  serverFirstSeq = 0;
  error: { code: string; detail: string } | null = null;
  /** A view that is paused when the page loads needs the records before the pause. */
  #pausedAt: number | null;
  #socket: Socket | null = null;
  #subscription = 0;
  #failures = 0;
  #everLive = false;
  #cancelRetry: (() => void) | null = null;

  constructor(url: string, start: { pausedAt: number | null; epoch: string | null }, ports: ConnectionPorts) {
    this.#url = url;
    this.#ports = ports;
    this.#pausedAt = start.pausedAt;
    this.epoch = start.epoch;
  }

  connect(): void {
    this.#cancelRetry?.();
    this.#cancelRetry = null;
    this.retryAt = null;
    if (this.#socket !== null) return;
    const socket = this.#ports.open(this.#url, SUBPROTOCOL);
    this.#socket = socket;
    socket.onmessage = ({ data }) => {
      const frame = typeof data === 'string' ? parseFrame(data) : null;
      if (frame !== null && socket === this.#socket) this.#receive(frame);
    };
    socket.onclose = () => {
      if (socket === this.#socket) this.#lost();
    };
    this.#ports.changed();
  }

  #lost(): void {
    this.#socket = null;
    const wait = backoffMs(this.#failures, () => this.#ports.random());
    this.#failures += 1;
    this.phase = this.#failures >= ATTEMPTS_BEFORE_OFFLINE ? 'offline' : this.#everLive ? 'reconnecting' : 'connecting';
    this.retryAt = this.#ports.now() + wait;
    this.#cancelRetry = this.#ports.later(() => {
      this.connect();
    }, wait);
    this.#ports.changed();
  }

  #receive(frame: ServerFrame): void {
    switch (frame.type) {
      case 'hello':
        this.#failures = 0;
        this.#everLive = true;
        this.error = null;
        this.server = frame.server;
        this.serverFirstSeq = frame.first_seq;
        if (this.epoch !== frame.epoch) this.#startOver(frame.epoch);
        this.ingest.headSeq = frame.head_seq;
        this.#subscribe(frame.head_seq);
        this.phase = 'live';
        break;
      case 'events':
        if (frame.sub !== this.#subscription) return;
        this.ingest.events(frame);
        this.phase = 'live';
        this.#send({ type: 'ack', sub: frame.sub, through_seq: frame.through_seq });
        break;
      case 'gap':
        if (frame.sub !== this.#subscription) return;
        this.ingest.gap(frame);
        this.phase = 'live';
        break;
      case 'counters':
        if (frame.sub !== this.#subscription) return;
        this.ingest.counters(frame);
        this.phase = 'lagging';
        break;
      case 'topology':
        if (frame.sub !== this.#subscription) return;
        this.#ports.topology(frame);
        break;
      case 'error':
        if (frame.code === 'epoch_mismatch') {
          // The store was replaced between hello and subscribe: a new connection says hello with the new epoch.
          this.#socket?.close();
          return;
        }
        this.error = { code: frame.code, detail: frame.detail };
        break;
    }
    this.#ports.changed();
  }

  #startOver(epoch: string): void {
    const previous = this.epoch;
    this.epoch = epoch;
    this.ingest = new Ingest();
    if (previous !== null) this.#pausedAt = null;
    this.#ports.reset(epoch, previous);
  }

  #subscribe(headSeq: number): void {
    this.#subscription += 1;
    this.ingest.beginSubscription();
    this.#send({
      type: 'subscribe',
      sub: this.#subscription,
      from: this.#from(headSeq),
      preview: true,
      topology: true,
      window: WINDOW_FRAMES,
    });
  }

  #from(headSeq: number): SubscribeFrom {
    const epoch = this.epoch ?? '';
    if (this.ingest.throughSeq > 0) return { after_seq: this.ingest.throughSeq, epoch };
    if (this.#pausedAt !== null && this.#pausedAt < headSeq) {
      return { after_seq: Math.max(0, this.#pausedAt - FIRST_RECORDS), epoch };
    }
    return { last: FIRST_RECORDS };
  }

  #send(frame: ClientFrame): void {
    this.#socket?.send(JSON.stringify(frame));
  }
}
