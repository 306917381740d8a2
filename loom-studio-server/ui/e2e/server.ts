import { spawn, type ChildProcess } from 'node:child_process';
import { existsSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import WebSocket from 'ws';
import type { LoomEvent } from './traffic';

const here = path.dirname(fileURLToPath(import.meta.url));

function binary(): string {
  const named = process.env['LOOM_STUDIO_BIN'];
  const target = process.env['CARGO_TARGET_DIR'] ?? path.join(here, '../../../target');
  const file = path.resolve(named ?? path.join(target, 'release/loom-studio'));
  if (!existsSync(file)) throw new Error(`There is no server at ${file}: build it, or name it in LOOM_STUDIO_BIN.`);
  return file;
}

/** A running server with a store in memory. */
export class Server {
  readonly url: string;
  readonly #process: ChildProcess;

  private constructor(url: string, child: ChildProcess) {
    this.url = url;
    this.#process = child;
  }

  static async start(port = 0): Promise<Server> {
    const child = spawn(binary(), ['--port', String(port), '--memory'], { stdio: ['ignore', 'pipe', 'pipe'] });
    let output = '';
    const url = await new Promise<string>((resolve, reject) => {
      const timer = setTimeout(() => {
        reject(new Error(`The server printed no address:\n${output}`));
      }, 15_000);
      const onText = (chunk: Buffer): void => {
        output += chunk.toString();
        const found = /http:\/\/127\.0\.0\.1:\d+\//.exec(output);
        if (found !== null) {
          clearTimeout(timer);
          resolve(found[0]);
        }
      };
      child.stdout.on('data', onText);
      // Logs go here; a pipe that nobody reads would fill up.
      child.stderr.on('data', () => undefined);
      child.once('exit', (code) => {
        clearTimeout(timer);
        reject(new Error(`The server ended with ${String(code)}:\n${output}`));
      });
    });
    return new Server(url, child);
  }

  get port(): number {
    return Number(new URL(this.url).port);
  }

  async stop(): Promise<void> {
    if (this.#process.exitCode !== null || this.#process.signalCode !== null) return;
    const ended = new Promise((resolve) => this.#process.once('exit', resolve));
    this.#process.kill('SIGTERM');
    const timer = setTimeout(() => this.#process.kill('SIGKILL'), 10_000);
    await ended;
    clearTimeout(timer);
  }
}

/** A Loom process as the shipped client is: it sends batches and reads nothing. */
export class Producer {
  readonly #socket: WebSocket;

  private constructor(socket: WebSocket) {
    this.#socket = socket;
  }

  static async connect(server: Server, workspace = 'default'): Promise<Producer> {
    const socket = new WebSocket(`ws://127.0.0.1:${String(server.port)}/ws/ingest?workspace=${workspace}`);
    await new Promise((resolve, reject) => {
      socket.once('open', resolve);
      socket.once('error', reject);
    });
    return new Producer(socket);
  }

  async send(events: readonly LoomEvent[], batchSize = 256): Promise<void> {
    for (let i = 0; i < events.length; i += batchSize) {
      const text = JSON.stringify({ type: 'event_batch', events: events.slice(i, i + batchSize) });
      await new Promise<void>((resolve, reject) => {
        this.#socket.send(text, (error) => {
          if (error === undefined || error === null) resolve();
          else reject(error);
        });
      });
    }
  }

  close(): void {
    this.#socket.close();
  }
}

/** Stores exported lines in a workspace, durably. */
export async function importLines(server: Server, lines: string, workspace: string): Promise<void> {
  const response = await fetch(`${server.url}api/import?workspace=${workspace}`, { method: 'POST', body: lines });
  if (!response.ok) throw new Error(await response.text());
}
