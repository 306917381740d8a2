import type { LayoutAnswer, LayoutRequest } from './worker/layout';

export const LAYOUT_DEADLINE_MS = 10_000;

/** The part of a Worker this module uses. */
export interface LayoutPort {
  onmessage: ((event: MessageEvent<{ id: number; answer: LayoutAnswer }>) => void) | null;
  onerror: ((event: ErrorEvent) => void) | null;
  postMessage(message: { id: number; request: LayoutRequest }): void;
  terminate(): void;
}

export type LayoutOutcome = { done: LayoutAnswer } | { late: true } | { cancelled: true };

/** Runs one layout at a time beside the page. A new one, `cancel` or the deadline ends the one that runs. */
export class LayoutRunner {
  readonly #start: () => LayoutPort;
  #port: LayoutPort | null = null;
  #finish: ((outcome: LayoutOutcome) => void) | null = null;
  #run = 0;

  constructor(start: () => LayoutPort) {
    this.#start = start;
  }

  run(request: LayoutRequest): Promise<LayoutOutcome> {
    this.cancel();
    const port = (this.#port ??= this.#start());
    this.#run += 1;
    const id = this.#run;
    return new Promise((resolve) => {
      const timer = setTimeout(() => {
        this.#stop({ late: true });
      }, LAYOUT_DEADLINE_MS);
      this.#finish = (outcome) => {
        clearTimeout(timer);
        this.#finish = null;
        resolve(outcome);
      };
      port.onmessage = ({ data }) => {
        if (data.id === id) this.#finish?.({ done: data.answer });
      };
      port.onerror = () => {
        this.#stop({ cancelled: true });
      };
      port.postMessage({ id, request });
    });
  }

  cancel(): void {
    if (this.#finish !== null) this.#stop({ cancelled: true });
  }

  dispose(): void {
    this.cancel();
    this.#port?.terminate();
    this.#port = null;
  }

  /** A layout can't be interrupted, only its worker be ended. */
  #stop(outcome: LayoutOutcome): void {
    this.#port?.terminate();
    this.#port = null;
    this.#finish?.(outcome);
  }
}

export function layoutWorker(): LayoutPort {
  return new Worker(new URL('./worker/layout.worker.ts', import.meta.url), { type: 'module', name: 'layout' });
}
