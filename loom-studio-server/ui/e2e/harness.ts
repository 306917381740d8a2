import { afterAll, afterEach, beforeAll, beforeEach, expect } from 'vitest';
import type { Browser, BrowserContextOptions, Locator, Page } from 'playwright-core';
import { connect, watchedPage, type Watched } from './browser';
import { importLines, Producer, Server } from './server';
import { recording } from './recording';
import { Traffic } from './traffic';

/** Events of one of `Traffic`'s runs. */
export const PER_RUN = 14;

/** Waits until `read` gives `expected`, and fails with what it gave last. */
export async function eventually<T>(read: () => Promise<T>, expected: T, ms = 10_000): Promise<void> {
  await expect.poll(read, { timeout: ms, interval: 50 }).toEqual(expected);
}

/** What tests of one page share. */
class Bench {
  browser!: Browser;
  server!: Server;
  watched!: Watched;
  workspace: string | null = null;

  get page(): Page {
    return this.watched.page;
  }

  /** A page's address, in the workspace that is tested. */
  address(path: string): string {
    if (this.workspace === null) return this.server.url + path;
    return `${this.server.url}${path}${path.includes('?') ? '&' : '?'}workspace=${this.workspace}`;
  }

  /** Takes back a fault that the test asks for: a browser logs each refused request. */
  excuse(fault: RegExp): void {
    const others = this.watched.faults.filter((text) => !fault.test(text));
    this.watched.faults.splice(0, this.watched.faults.length, ...others);
  }

  /** Opens a page and waits until it holds what the server has; `null` where that isn't known. */
  async open(path: string, events: number | null): Promise<void> {
    await this.page.goto(this.address(path));
    await eventually(this.phase, 'Live');
    if (events !== null && events > 0) await eventually(this.eventCount, `${events.toLocaleString('en')} ${events === 1 ? 'event' : 'events'}`);
  }

  /** Another page on the same server, with its own faults. */
  async another(options: BrowserContextOptions): Promise<Watched> {
    return watchedPage(this.browser, options);
  }

  readonly phase = (): Promise<string> => this.page.getByTestId('phase').innerText();
  readonly eventCount = (): Promise<string> => this.page.getByTestId('event-count').innerText();
  readonly resultCount = (): Promise<string> => this.page.getByTestId('result-count').innerText();
  readonly playhead = (): Promise<string> => this.page.getByTestId('playhead').innerText();
  readonly rows = (): Locator => this.page.locator('[role="grid"] [role="row"][id]');
  readonly seqOf = async (row: Locator): Promise<number> => Number(await row.locator('[role="gridcell"]').first().innerText());
  readonly tableNodes = (): Promise<(string | null)[]> =>
    this.page.locator('[data-testid="nodes"] tbody tr').evaluateAll((all) => all.map((row) => row.getAttribute('data-node')));
}

function connected(bench: Bench): void {
  beforeAll(async () => {
    bench.browser = await connect();
  });
  afterAll(async () => {
    await bench.browser.close();
  });
}

export class LiveBench extends Bench {
  producer!: Producer;
  traffic!: Traffic;
}

/** An empty server, a producer and a page for each test; what goes wrong on the page fails the test. */
export function liveBench(): LiveBench {
  const bench = new LiveBench();
  connected(bench);
  beforeEach(async () => {
    bench.server = await Server.start();
    bench.producer = await Producer.connect(bench.server);
    bench.traffic = new Traffic();
    bench.watched = await watchedPage(bench.browser);
  });
  afterEach(async () => {
    await bench.watched.context.close();
    bench.producer.close();
    await bench.server.stop();
    expect(bench.watched.faults).toEqual([]);
  });
  return bench;
}

/** One server with the recorded run for all tests of a file, and a page for each. */
export function recordedBench(): Bench {
  const bench = new Bench();
  connected(bench);
  beforeAll(async () => {
    bench.server = await Server.start();
    bench.workspace = 'recorded';
    await importLines(bench.server, recording().text, bench.workspace);
  });
  afterAll(async () => {
    await bench.server.stop();
  });
  beforeEach(async () => {
    bench.watched = await watchedPage(bench.browser);
  });
  afterEach(async () => {
    await bench.watched.context.close();
    expect(bench.watched.faults).toEqual([]);
  });
  return bench;
}
