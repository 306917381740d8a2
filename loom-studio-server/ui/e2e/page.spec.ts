import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { Browser, Locator, Page } from 'playwright-core';
import { axeFindings, launch, watchedPage, type Watched } from './browser';
import { Producer, Server } from './server';
import { RUN_NODES, Traffic } from './traffic';

/** Events of one run. */
const PER_RUN = 14;

let browser: Browser;
let server: Server;
let producer: Producer;
let traffic: Traffic;
let watched: Watched;
let page: Page;

beforeAll(async () => {
  browser = await launch();
});
afterAll(async () => {
  await browser.close();
});
beforeEach(async () => {
  server = await Server.start();
  producer = await Producer.connect(server);
  traffic = new Traffic();
  watched = await watchedPage(browser);
  page = watched.page;
});
afterEach(async () => {
  await watched.context.close();
  producer.close();
  await server.stop();
  expect(watched.faults).toEqual([]);
});

/** Waits until `read` gives `expected`, and fails with what it gave last. */
async function eventually<T>(read: () => Promise<T>, expected: T, ms = 10_000): Promise<void> {
  await expect.poll(read, { timeout: ms, interval: 50 }).toEqual(expected);
}

const rows = (): Locator => page.locator('[role="grid"] [role="row"][id]');
const resultCount = (): Promise<string> => page.getByTestId('result-count').innerText();
const phase = (): Promise<string> => page.getByTestId('phase').innerText();
const seqOf = async (row: Locator): Promise<number> => Number(await row.locator('[role="gridcell"]').first().innerText());
const tableNodes = (): Promise<(string | null)[]> =>
  page.locator('[data-testid="nodes"] tbody tr').evaluateAll((all) => all.map((row) => row.getAttribute('data-node')));

async function open(path: string, events: number): Promise<void> {
  await page.goto(server.url + path);
  await eventually(phase, 'Live');
  if (events > 0) await eventually(() => page.getByTestId('event-count').innerText(), `${events.toLocaleString('en')} events`);
}

describe('the empty page', () => {
  it('says what to run, and turns into the view with the first event', async () => {
    await open('', 0);
    await page.getByRole('heading', { name: 'Waiting for the first event' }).waitFor();
    const commands = await page.locator('main code').allInnerTexts();
    expect(commands).toEqual([
      'LOOM_STUDIO_ENABLED=true python your_app.py',
      `LOOM_STUDIO_URL=ws://127.0.0.1:${String(server.port)} LOOM_STUDIO_ENABLED=true python your_app.py`,
    ]);
    await producer.send(traffic.run());
    await page.getByRole('img', { name: /Topology graph/ }).waitFor();
    expect(await page.title()).toBe('Topology · Loom Studio');
  });
});

describe('the log', () => {
  it('shows events as they come', async () => {
    await producer.send(traffic.runs(2));
    await open('log', 2 * PER_RUN);
    expect(await page.title()).toBe('Log · Loom Studio');
    await producer.send(traffic.run());
    await eventually(() => seqOf(rows().last()), 3 * PER_RUN);
    const text = await rows().last().innerText();
    expect(text).toContain('node.response');
    expect(text).toContain('crew/master → /user/sdk');
    expect(text).toContain('ok');
  });

  it('filters by condition, words and facet, and points at what is wrong', async () => {
    await producer.send(traffic.runs(8));
    await open('log', 8 * PER_RUN);
    const filter = page.getByRole('combobox', { name: 'Filter events' });
    await filter.fill('outcome = error');
    await eventually(resultCount, '2 of 112 events');
    expect(await rows().count()).toBe(2);
    expect(await rows().first().innerText()).toContain('tool/search → agent/planner');
    await filter.fill('type = agent.* and node = agent/writer');
    await eventually(resultCount, '8 of 112 events');
    await filter.fill('copper');
    await eventually(async () => (await resultCount()) !== '112 events' && (await rows().count()) > 0, true);
    for (const text of await rows().allInnerTexts()) expect(text).toContain('copper');
    await filter.fill('outcome = eror and type = agent.thought');
    const alert = page.getByRole('alert');
    await alert.getByText('At character 11: outcome is one of ok, error').waitFor();
    expect(await alert.locator('mark').innerText()).toBe('eror');
    await page.getByText('Not applied').waitFor();
    await filter.fill('');
    await page.getByRole('combobox', { name: 'Node' }).selectOption('/node/tool/calculator');
    expect(await filter.inputValue()).toBe('node = /node/tool/calculator');
    await eventually(resultCount, '16 of 112 events');
    await producer.send(traffic.run());
    await eventually(resultCount, '18 of 126 events');
  });

  it('asks the server for what it does not hold itself, and takes in what comes', async () => {
    await producer.send(traffic.runs(8));
    await open('log', 8 * PER_RUN);
    await page.getByRole('combobox', { name: 'Filter events' }).fill('data.iteration = 1 and from = agent/writer');
    await eventually(resultCount, '8 matches loaded of 8');
    await page.getByText('the server looked at').waitFor();
    await producer.send(traffic.run());
    await eventually(resultCount, '9 matches loaded of 9');
    expect(await rows().last().innerText()).toContain('Short sentences.');
  });

  it('tests every condition as the server does', async () => {
    await producer.send(traffic.runs(8));
    await open('log', 8 * PER_RUN);
    const filter = page.getByRole('combobox', { name: 'Filter events' });
    for (const where of [
      'type = agent.thought',
      'type != node.request',
      'not type contains "NODE"',
      'to != crew/master',
      'not to = crew/master',
      'node = /node/tool/* and outcome = ok',
      'exists to and outcome != ok',
      'not exists outcome',
      'from in (user/sdk, "/node/agent/planner") or seq > 100',
      'seq >= 10 and seq < 20 and !(type = node.request)',
      'time < 2026-01-02T03:04:05.1Z',
      'time >= 1767323045.2 && session contains "-"',
    ]) {
      const answer = await fetch(`${server.url}api/events?${new URLSearchParams({ where, limit: '1' }).toString()}`);
      const { total } = (await answer.json()) as { total: number };
      await filter.fill(where);
      await eventually(resultCount, `${String(total)} of 112 events`);
    }
  });

  it('completes a condition from the keyboard', async () => {
    await producer.send(traffic.runs(4));
    await open('log', 4 * PER_RUN);
    const filter = page.getByRole('combobox', { name: 'Filter events' });
    const options = page.getByRole('listbox', { name: 'What can stand here' }).getByRole('option');
    await page.getByRole('grid').focus();
    await page.keyboard.press('/');
    await page.keyboard.type('fr');
    await eventually(() => options.allInnerTexts(), ['from\nthe node behind source']);
    await page.keyboard.press('Tab');
    await eventually(() => filter.inputValue(), 'from ');
    await eventually(async () => (await options.allInnerTexts()).length > 3, true);
    await page.keyboard.press('ArrowDown');
    await page.keyboard.press('Enter');
    await eventually(() => filter.inputValue(), 'from = ');
    await page.keyboard.type('search');
    await eventually(() => options.allInnerTexts(), ['/node/tool/search\n8 held']);
    await page.keyboard.press('ArrowDown');
    expect(await filter.getAttribute('aria-activedescendant')).toBe(await options.first().getAttribute('id'));
    await page.keyboard.press('Enter');
    await eventually(() => filter.inputValue(), 'from = /node/tool/search ');
    await eventually(resultCount, '4 of 56 events');
    await eventually(async () => (await options.allInnerTexts()).map((text) => text.split('\n')[0]), ['and', 'or']);
    await page.keyboard.press('Escape');
    await eventually(() => options.count(), 0);
    await page.keyboard.press('Escape');
    expect(await page.evaluate(() => document.activeElement?.getAttribute('role'))).toBe('grid');
  });

  it('narrows to a run and to times', async () => {
    await producer.send(traffic.runs(3));
    await open('log?run=15', 3 * PER_RUN);
    await eventually(resultCount, '14 matches loaded of 14');
    expect(await seqOf(rows().first())).toBe(15);
    await page.getByRole('button', { name: 'Show the events of all runs' }).click();
    await eventually(resultCount, '42 events');
    await page.goto(`${server.url}log?time=1767323045010000-1767323045050000`);
    await eventually(async () => /^[1-9]\d? of 42 events$/.test(await resultCount()), true);
    await page.getByRole('button', { name: 'Show all times' }).click();
    await eventually(resultCount, '42 events');
  });

  it('keeps pinned events and the choice of columns over a reload', async () => {
    await producer.send(traffic.runs(3));
    await open('log', 3 * PER_RUN);
    await page.locator('#event-40').click();
    await page.getByRole('grid').focus();
    await page.keyboard.press('m');
    const pinned = page.getByRole('region', { name: 'Pinned events' });
    await pinned.getByRole('button', { name: /^#40/ }).waitFor();
    await page.locator('summary', { hasText: 'Columns' }).click();
    await page.getByRole('checkbox', { name: 'Session' }).uncheck();
    await page.getByRole('checkbox', { name: 'Size' }).check();
    await page.reload();
    await pinned.getByRole('button', { name: /^#40/ }).waitFor();
    expect(await page.getByRole('columnheader').allInnerTexts()).toEqual(['Seq', 'Time', 'Type', 'Source → target', 'Outcome', 'Size', 'Data']);
    await pinned.getByRole('button', { name: 'Unpin #40' }).click();
    await pinned.waitFor({ state: 'detached' });
  });

  it('exports what it shows', async () => {
    await producer.send(traffic.runs(4));
    await open(`log?q=${encodeURIComponent('outcome = error')}`, 4 * PER_RUN);
    await eventually(resultCount, '1 of 56 events');
    await page.locator('summary', { hasText: 'Export these' }).click();
    const [download] = await Promise.all([page.waitForEvent('download'), page.getByRole('link', { name: 'CSV table' }).click()]);
    const chunks: Buffer[] = [];
    for await (const chunk of await download.createReadStream()) chunks.push(chunk as Buffer);
    const lines = Buffer.concat(chunks).toString('utf8').trim().split(/\r?\n/);
    expect(lines).toHaveLength(2);
    expect(lines[1]).toContain('/node/tool/search');
  });

  it('follows the newest event until the user scrolls up, and again when asked', async () => {
    await producer.send(traffic.runs(30));
    await open('log', 30 * PER_RUN);
    await eventually(() => seqOf(rows().last()), 30 * PER_RUN);
    const follow = page.getByRole('button', { name: 'Follow' });
    expect(await follow.getAttribute('aria-pressed')).toBe('true');
    await page.getByRole('grid').hover();
    await page.mouse.wheel(0, -2000);
    await eventually(() => follow.getAttribute('aria-pressed'), 'false');
    const top = await page.getByRole('grid').evaluate((grid) => grid.scrollTop);
    await producer.send(traffic.runs(5));
    await eventually(resultCount, '490 events');
    expect(await page.getByRole('grid').evaluate((grid) => grid.scrollTop)).toBe(top);
    await follow.click();
    await eventually(() => seqOf(rows().last()), 35 * PER_RUN);
  });

  it('stands still while paused, also over a reload, and catches up', async () => {
    await producer.send(traffic.runs(3));
    await open('log', 3 * PER_RUN);
    await page.getByRole('grid').focus();
    await page.keyboard.press('p');
    await page.getByText(`Paused at #${String(3 * PER_RUN)}`).waitFor();
    await producer.send(traffic.runs(2));
    await eventually(resultCount, 'Paused at #42 · 28 newer\n42 events');
    await page.reload();
    await eventually(resultCount, 'Paused at #42 · 28 newer\n42 events');
    expect(await seqOf(rows().last())).toBe(42);
    await page.getByRole('grid').focus();
    await page.keyboard.press('Space');
    await eventually(resultCount, '70 events');
  });

  it('opens an event as a tree, follows its links, and keeps all of it over a reload', async () => {
    await producer.send(traffic.runs(4));
    await open('log?q=type%20%3D%20node.request', 4 * PER_RUN);
    await page.locator('#event-1').click();
    const panel = page.getByRole('region', { name: 'Event details' });
    await panel.getByRole('heading', { name: 'Event #1' }).waitFor();
    await panel.getByRole('treeitem').filter({ hasText: 'Report on' }).waitFor();
    await panel.getByRole('button', { name: '#14 node.response' }).first().click();
    await panel.getByRole('heading', { name: 'Event #14' }).waitFor();
    await panel.getByRole('treeitem', { name: /final_output/ }).waitFor();
    const address = page.url();
    await page.reload();
    await panel.getByRole('heading', { name: 'Event #14' }).waitFor();
    expect(page.url()).toBe(address);
    expect(await page.getByRole('combobox', { name: 'Filter events' }).inputValue()).toBe('type = node.request');
    await page.goBack();
    await panel.getByRole('heading', { name: 'Event #1' }).waitFor();
    await page.keyboard.press('Escape');
    await panel.waitFor({ state: 'detached' });
  });

  it('folds a long text until it is asked for', async () => {
    await producer.send(traffic.run());
    await open('log?seq=11', PER_RUN);
    const row = page.getByRole('treeitem', { name: /notes/ });
    await row.getByRole('button', { name: 'show all 260 characters' }).click();
    expect(await row.innerText()).toContain('x'.repeat(260));
  });
});

describe('the keyboard', () => {
  it('alone reaches the views, an event, its tree, the palette and the shortcuts', async () => {
    await producer.send(traffic.runs(3));
    await open('', 3 * PER_RUN);
    await page.keyboard.press('Tab');
    expect(await page.evaluate(() => document.activeElement?.textContent)).toBe('Skip to content');
    await page.keyboard.press('Enter');
    expect(await page.evaluate(() => document.activeElement?.id)).toBe('main');
    await page.keyboard.press('g');
    await page.keyboard.press('l');
    await page.getByRole('grid').waitFor();
    await eventually(() => seqOf(rows().last()), 42);
    await page.keyboard.press('/');
    await page.keyboard.type('type = agent.thought');
    await page.keyboard.press('Enter');
    await eventually(resultCount, '6 of 42 events');
    await page.keyboard.press('Home');
    await page.keyboard.press('j');
    await eventually(() => page.locator('[role="row"][aria-selected="true"]').getAttribute('id'), 'event-12');
    await page.keyboard.press('Enter');
    await page.getByRole('heading', { name: 'Event #12' }).waitFor();
    await page.keyboard.press('k');
    await page.getByRole('heading', { name: 'Event #4' }).waitFor();
    await page.getByRole('treeitem', { name: /^data/ }).waitFor();
    for (let i = 0; i < 30 && (await page.evaluate(() => document.activeElement?.getAttribute('role'))) !== 'treeitem'; i += 1) {
      await page.keyboard.press('Tab');
    }
    await page.keyboard.press('End');
    await page.keyboard.press('Home');
    expect(await page.evaluate(() => document.activeElement?.getAttribute('aria-posinset'))).toBe('1');
    await page.keyboard.press('Escape');
    await page.getByRole('heading', { name: 'Event #4' }).waitFor({ state: 'detached' });
    await page.keyboard.press('?');
    await page.getByRole('dialog', { name: 'Keyboard shortcuts' }).waitFor();
    await page.keyboard.press('Escape');
    await page.keyboard.press('Control+k');
    await page.keyboard.type('table');
    await page.keyboard.press('Enter');
    await page.getByRole('table', { name: 'Nodes' }).waitFor();
  });
});

describe('the topology', () => {
  it('shows nodes as they come, in the graph and in the table alike', async () => {
    await producer.send(traffic.runs(3));
    await open('topology', 3 * PER_RUN);
    const counts = (): Promise<string> => page.getByTestId('topology-counts').innerText();
    await eventually(counts, '7 nodes · 12 edges');
    const drawn = (): Promise<string | null> => page.getByRole('img', { name: /Topology graph/ }).getAttribute('data-nodes');
    await eventually(drawn, RUN_NODES.join(' '));
    await page.keyboard.press('t');
    await eventually(tableNodes, RUN_NODES);
    await producer.send([traffic.visit('/node/tool/zip')]);
    await eventually(tableNodes, [...RUN_NODES.slice(0, -1), '/node/tool/zip', '/user/sdk']);
    await page.keyboard.press('t');
    await eventually(drawn, [...RUN_NODES.slice(0, -1), '/node/tool/zip', '/user/sdk'].join(' '));
  });

  it('moves no node that stands when one is added', async () => {
    await producer.send(traffic.runs(3));
    await open('topology', 3 * PER_RUN);
    const positions = (): Promise<Record<string, unknown>> =>
      page.evaluate(() => {
        const stored = JSON.parse(sessionStorage.getItem('loom-studio.arrangement') ?? '{}') as { positions?: [string, unknown][] };
        return Object.fromEntries(stored.positions ?? []);
      });
    await eventually(async () => Object.keys(await positions()).length, 7);
    // A layout that is still on its way would move nodes which were only placed provisionally.
    await eventually(() => page.getByText('Laying out…').count(), 0);
    await page.waitForTimeout(600);
    const before = await positions();
    await producer.send([traffic.visit('/node/tool/zip')]);
    await eventually(async () => '/node/tool/zip' in (await positions()), true);
    await page.waitForTimeout(1500);
    const { '/node/tool/zip': added, ...others } = await positions();
    expect(added).toBeDefined();
    expect(others).toEqual(before);
  });

  it('stands still with the log while paused', async () => {
    await producer.send(traffic.runs(3));
    await open('topology', 3 * PER_RUN);
    const counts = (): Promise<string> => page.getByTestId('topology-counts').innerText();
    await eventually(counts, '7 nodes · 12 edges');
    await page.keyboard.press('Control+k');
    await page.keyboard.type('pause');
    await page.keyboard.press('Enter');
    await page.getByText('As of #42').waitFor();
    await producer.send([traffic.visit('/node/tool/zip')]);
    await eventually(() => page.getByTestId('event-count').innerText(), '43 events');
    await page.reload();
    await page.getByText('As of #42').waitFor();
    await eventually(counts, '7 nodes · 12 edges');
    await page.keyboard.press('Control+k');
    await page.keyboard.type('resume');
    await page.keyboard.press('Enter');
    await eventually(counts, '8 nodes · 13 edges');
  });

  it('tells about a node and an edge, and leads to their events', async () => {
    await producer.send(traffic.runs(4));
    await open('topology?as=table', 4 * PER_RUN);
    await page.getByRole('button', { name: '/node/tool/search', exact: true }).first().click();
    const details = page.getByRole('region', { name: 'Details' });
    await details.getByText('/node/tool/search', { exact: true }).waitFor();
    await page.reload();
    await details.getByText('/node/tool/search', { exact: true }).waitFor();
    await details.getByRole('table', { name: 'Incoming' }).getByRole('button', { name: 'agent/planner' }).click();
    await details.getByRole('heading', { name: 'agent/planner → tool/search' }).waitFor();
    await details.getByRole('button', { name: 'Show its events in the log' }).click();
    await eventually(resultCount, '4 of 56 events');
    expect(await page.getByRole('combobox', { name: 'Filter events' }).inputValue()).toBe('from = /node/agent/planner and to = /node/tool/search');
  });
});

describe('the shell', () => {
  it('speaks one language at a time', async () => {
    await producer.send(traffic.run());
    await open('log', PER_RUN);
    await page.getByRole('button', { name: '中文' }).click();
    await eventually(() => page.title(), '日志 · Loom Studio');
    expect(await page.evaluate(() => document.documentElement.lang)).toBe('zh-CN');
    const texts = await page.locator('header, nav, main [role="rowgroup"]:first-child').allInnerTexts();
    const allowed = new Set(['Loom', 'Studio', 'English', 'Ctrl', 'K']);
    expect(texts.join('\n').match(/[A-Za-z]+/g)?.filter((word) => !allowed.has(word))).toEqual([]);
    await page.reload();
    await page.getByRole('link', { name: '拓扑' }).waitFor();
    await page.getByRole('button', { name: 'English' }).click();
    expect((await page.locator('header, nav').allInnerTexts()).join('').replaceAll('中文', '')).not.toMatch(/\p{Script=Han}/u);
  });

  it('follows the system, or the chosen theme, and keeps it', async () => {
    await producer.send(traffic.run());
    await page.emulateMedia({ colorScheme: 'light' });
    await open('topology', PER_RUN);
    const background = (): Promise<string> => page.evaluate(() => getComputedStyle(document.body).backgroundColor);
    const light = await background();
    await page.getByRole('button', { name: 'Theme: Dark' }).click();
    await eventually(async () => (await background()) !== light, true);
    const dark = await background();
    await page.reload();
    expect(await background()).toBe(dark);
    await page.getByRole('button', { name: 'Theme: System' }).click();
    await eventually(background, light);
    await page.emulateMedia({ colorScheme: 'dark' });
    await eventually(background, dark);
  });

  it('starts over when the server comes back with another store', async () => {
    await producer.send(traffic.runs(3));
    await open('log?seq=3', 3 * PER_RUN);
    await page.getByRole('heading', { name: 'Event #3' }).waitFor();
    await page.locator('#event-5').click();
    const { port } = server;
    // A page without its server can't help logging refused connections.
    const before = watched.faults.length;
    await server.stop();
    await eventually(async () => /^(Reconnecting|Offline)/.test(await phase()), true);
    server = await Server.start(port);
    producer.close();
    producer = await Producer.connect(server);
    await producer.send(new Traffic().run());
    await eventually(phase, 'Live', 30_000);
    await page.getByText('The server’s store is a new one.').waitFor();
    await eventually(() => page.getByTestId('event-count').innerText(), `${String(PER_RUN)} events`);
    await eventually(() => seqOf(rows().last()), PER_RUN);
    expect(new URL(page.url()).searchParams.get('seq')).toBeNull();
    const unexpected = watched.faults.slice(before).filter((fault) => !/ERR_CONNECTION_REFUSED|WebSocket connection to .* failed/.test(fault));
    watched.faults.splice(before, watched.faults.length, ...unexpected);
  });
});

describe('accessibility', () => {
  it.each(['light', 'dark'] as const)('axe finds nothing serious in %s', async (colorScheme) => {
    await producer.send(traffic.runs(4));
    const context = await browser.newContext({ bypassCSP: true, colorScheme, viewport: { width: 1400, height: 860 } });
    const checked = await context.newPage();
    for (const path of ['log?seq=6&q=foo%20%3D%20x', 'topology?node=%2Fnode%2Ftool%2Fsearch', 'topology?as=table&from=%2Fnode%2Fagent%2Fplanner&to=%2Fnode%2Ftool%2Fsearch']) {
      await checked.goto(server.url + path);
      await checked.getByRole('region').first().waitFor();
      await checked.getByTestId('phase').getByText('Live').waitFor();
      await checked.waitForTimeout(500);
      expect(await axeFindings(checked), path).toEqual([]);
    }
    await checked.keyboard.press('Control+k');
    await checked.getByRole('dialog').waitFor();
    expect(await axeFindings(checked), 'palette').toEqual([]);
    await context.close();
  });
});
