import { describe, expect, it } from 'vitest';
import { eventually, liveBench, PER_RUN } from './harness';
import { Producer, Server } from './server';
import { Traffic } from './traffic';

const bench = liveBench();

describe('the shell', () => {
  it('speaks one language at a time', async () => {
    await bench.producer.send(bench.traffic.run());
    await bench.open('log', PER_RUN);
    await bench.page.getByRole('button', { name: '中文' }).click();
    await eventually(() => bench.page.title(), '日志 · Loom Studio');
    expect(await bench.page.evaluate(() => document.documentElement.lang)).toBe('zh-CN');
    const texts = await bench.page.locator('header, nav, main [role="rowgroup"]:first-child').allInnerTexts();
    const allowed = new Set(['Loom', 'Studio', 'English', 'Ctrl', 'K']);
    expect(texts.join('\n').match(/[A-Za-z]+/g)?.filter((word) => !allowed.has(word))).toEqual([]);
    await bench.page.reload();
    await bench.page.getByRole('link', { name: '拓扑' }).waitFor();
    await bench.page.getByRole('button', { name: 'English' }).click();
    expect((await bench.page.locator('header, nav').allInnerTexts()).join('').replaceAll('中文', '')).not.toMatch(/\p{Script=Han}/u);
  });

  it('follows the system, or the chosen theme, and keeps it', async () => {
    await bench.producer.send(bench.traffic.run());
    await bench.page.emulateMedia({ colorScheme: 'light' });
    await bench.open('topology', PER_RUN);
    const background = (): Promise<string> => bench.page.evaluate(() => getComputedStyle(document.body).backgroundColor);
    const light = await background();
    await bench.page.getByRole('button', { name: 'Theme: Dark' }).click();
    await eventually(async () => (await background()) !== light, true);
    const dark = await background();
    await bench.page.reload();
    expect(await background()).toBe(dark);
    await bench.page.getByRole('button', { name: 'Theme: System' }).click();
    await eventually(background, light);
    await bench.page.emulateMedia({ colorScheme: 'dark' });
    await eventually(background, dark);
  });

  it('starts over when the server comes back with another store', async () => {
    await bench.producer.send(bench.traffic.runs(3));
    await bench.open('log?seq=3', 3 * PER_RUN);
    await bench.page.getByRole('heading', { name: 'Event #3' }).waitFor();
    await bench.page.locator('#event-5').click();
    const { port } = bench.server;
    // A page without its server can't help logging refused connections.
    const before = bench.watched.faults.length;
    await bench.server.stop();
    await eventually(async () => /^(Reconnecting|Offline)/.test(await bench.phase()), true);
    bench.server = await Server.start(port);
    bench.producer.close();
    bench.producer = await Producer.connect(bench.server);
    await bench.producer.send(new Traffic().run());
    await eventually(bench.phase, 'Live', 30_000);
    await bench.page.getByText('The server’s store is a new one.').waitFor();
    await eventually(bench.eventCount, `${String(PER_RUN)} events`);
    await eventually(() => bench.seqOf(bench.rows().last()), PER_RUN);
    expect(new URL(bench.page.url()).searchParams.get('seq')).toBeNull();
    const unexpected = bench.watched.faults.slice(before).filter((fault) => !/ERR_CONNECTION_REFUSED|WebSocket connection to .* failed/.test(fault));
    bench.watched.faults.splice(before, bench.watched.faults.length, ...unexpected);
  });
});

