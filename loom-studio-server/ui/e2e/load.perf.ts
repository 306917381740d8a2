import { expect, it } from 'vitest';
import { eventually, liveBench } from './harness';
import type { Page } from 'playwright-core';

const bench = liveBench();

interface Measured {
  longTasks: number[];
}

/** Tasks of the page's thread that took longer than 50 ms. */
async function watchTasks(page: Page): Promise<void> {
  await page.addInitScript(() => {
    const measured: Measured = { longTasks: [] };
    Object.assign(window, { measured });
    new PerformanceObserver((list) => {
      measured.longTasks.push(...list.getEntries().map(({ duration }) => duration));
    }).observe({ type: 'longtask', buffered: true });
  });
}

const tasks = (page: Page): Promise<number[]> => page.evaluate(() => (window as unknown as { measured: Measured }).measured.longTasks);

function percentile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0;
}

/** Megabytes of JavaScript that the page's thread holds, after a collection. */
async function heapMb(page: Page): Promise<number> {
  const session = await page.context().newCDPSession(page);
  await session.send('HeapProfiler.collectGarbage');
  const { usedSize } = await session.send('Runtime.getHeapUsage');
  return usedSize / 1e6;
}

function report(text: string): void {
  process.stdout.write(`${text}\n`);
}

const RATE = 10_000;
const SECONDS = 8;
const TICK_MS = 50;

it('stays smooth at ten thousand events a second', async () => {
  await watchTasks(bench.page);
  await bench.producer.send(bench.traffic.runs(10));
  await bench.open('log', 140);
  const before = (await tasks(bench.page)).length;
  const delays: number[] = [];
  const from = Date.now();
  let sent = 140;
  for (let tick = 1; tick <= (SECONDS * 1000) / TICK_MS; tick += 1) {
    const batch = bench.traffic.runs(Math.round((RATE * TICK_MS) / 1000 / 14));
    await bench.producer.send(batch);
    sent += batch.length;
    if (tick % 10 === 0) {
      // From the last byte written to the row's place in the document, polled once per frame.
      const wanted = sent;
      const start = Date.now();
      await bench.page.waitForFunction(
        (seq) => Number([...document.querySelectorAll('[role="grid"] [role="row"][id]')].at(-1)?.querySelector('[role="gridcell"]')?.textContent) >= seq,
        wanted,
        { timeout: 20_000 },
      );
      delays.push(Date.now() - start);
    }
    await new Promise((resolve) => setTimeout(resolve, Math.max(0, from + tick * TICK_MS - Date.now())));
  }
  const seconds = (Date.now() - from) / 1000;
  const long = (await tasks(bench.page)).slice(before);
  report(
    `live: ${String(Math.round(sent / seconds))} events/s for ${seconds.toFixed(1)} s; to pixels p50 ${String(percentile(delays, 0.5))} ms, p95 ${String(percentile(delays, 0.95))} ms; ` +
      `${String(long.length)} tasks over 50 ms, longest ${Math.max(0, ...long).toFixed(0)} ms`,
  );
  expect(delays.length).toBeGreaterThan(5);
}, 120_000);

it('draws a timeline of many events', async () => {
  const count = Number(process.env['LOOM_STUDIO_PERF_EVENTS'] ?? 1_000_000);
  await bench.open('', 0);
  for (let sent = 0; sent < count; sent += 14_000) await bench.producer.send(bench.traffic.runs(1000));
  const held = async (): Promise<boolean> => Number((await bench.eventCount()).replace(/\D/g, '')) >= Math.min(count, 1_000_000) * 0.99;
  await eventually(held, true, 600_000);
  await watchTasks(bench.page);
  await bench.page.goto(bench.address('timeline'));
  await eventually(held, true, 600_000);
  const picture = bench.page.getByTestId('timeline');
  await picture.waitFor();
  await bench.page.waitForTimeout(2000);
  await bench.page.evaluate(() => {
    const measured = { frames: [] as number[] };
    Object.assign(window, { frames: measured.frames });
    let last = performance.now();
    const tick = (now: number): void => {
      measured.frames.push(now - last);
      last = now;
      requestAnimationFrame(tick);
    };
    requestAnimationFrame(tick);
  });
  const before = (await tasks(bench.page)).length;
  await picture.hover();
  for (let i = 0; i < 60; i += 1) await bench.page.mouse.wheel(i % 2 === 0 ? 40 : -30, i % 3 === 0 ? -60 : 40);
  const frames = await bench.page.evaluate(() => (window as unknown as { frames: number[] }).frames);
  const long = (await tasks(bench.page)).slice(before);
  report(
    `timeline of ${count.toLocaleString('en')}: frames p50 ${percentile(frames, 0.5).toFixed(1)} ms, p95 ${percentile(frames, 0.95).toFixed(1)} ms; ` +
      `${String(long.length)} tasks over 50 ms, longest ${Math.max(0, ...long).toFixed(0)} ms; heap of the page's thread ${(await heapMb(bench.page)).toFixed(0)} MB`,
  );
  expect(frames.length).toBeGreaterThan(10);
}, 1_500_000);
