import { layOut, seededRandom, type LayoutRequest } from './layout';

declare const self: DedicatedWorkerGlobalScope;

self.onmessage = ({ data }: MessageEvent<{ id: number; request: LayoutRequest }>) => {
  // fcose has no seed of its own; nothing else runs in this worker.
  Math.random = seededRandom(1);
  self.postMessage({ id: data.id, answer: layOut(data.request) });
};
