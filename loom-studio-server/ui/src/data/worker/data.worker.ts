import type { ToWorker } from '../messages';
import type { Socket } from './connection';
import { DataServer } from './server';

declare const self: DedicatedWorkerGlobalScope;

const server = new DataServer({
  open: (url, protocol) => {
    const webSocket = new WebSocket(url, protocol);
    const socket: Socket = {
      onmessage: null,
      onclose: null,
      send: (text) => {
        webSocket.send(text);
      },
      close: () => {
        webSocket.close();
      },
    };
    webSocket.onmessage = (event) => socket.onmessage?.(event);
    webSocket.onclose = () => socket.onclose?.();
    return socket;
  },
  later: (run, ms) => {
    const timer = setTimeout(run, ms);
    return () => {
      clearTimeout(timer);
    };
  },
  random: () => Math.random(),
  now: () => Date.now(),
  fetch: async (path) => {
    try {
      const response = await fetch(path, { headers: { accept: 'application/json' } });
      return { ok: response.ok, body: await response.json() };
    } catch (cause) {
      return { ok: false, body: { code: 'unreachable', detail: String(cause) } };
    }
  },
  post: (message, transfer = []) => {
    self.postMessage(message, transfer);
  },
});

self.onmessage = ({ data }: MessageEvent<ToWorker>) => {
  server.receive(data);
};
