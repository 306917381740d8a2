import { describe, expect, it } from 'vitest';
import { eventually, liveBench, PER_RUN } from './harness';

const bench = liveBench();

describe('the log', () => {
  it('shows events as they come', async () => {
    await bench.producer.send(bench.traffic.runs(2));
    await bench.open('log', 2 * PER_RUN);
    expect(await bench.page.title()).toBe('Log · Loom Studio');
    await bench.producer.send(bench.traffic.run());
    await eventually(() => bench.seqOf(bench.rows().last()), 3 * PER_RUN);
    const text = await bench.rows().last().innerText();
    expect(text).toContain('node.response');
    expect(text).toContain('crew/master → /user/sdk');
    expect(text).toContain('ok');
  });

  it('filters by condition, words and facet, and points at what is wrong', async () => {
    await bench.producer.send(bench.traffic.runs(8));
    await bench.open('log', 8 * PER_RUN);
    const filter = bench.page.getByRole('combobox', { name: 'Filter events' });
    await filter.fill('outcome = error');
    await eventually(bench.resultCount, '2 of 112 events');
    expect(await bench.rows().count()).toBe(2);
    expect(await bench.rows().first().innerText()).toContain('tool/search → agent/planner');
    await filter.fill('type = agent.* and node = agent/writer');
    await eventually(bench.resultCount, '8 of 112 events');
    await filter.fill('copper');
    await eventually(async () => (await bench.rows().allInnerTexts()).every((text) => text.includes('copper')) && (await bench.rows().count()) > 0, true);
    await filter.fill('outcome = eror and type = agent.thought');
    const alert = bench.page.getByRole('alert');
    await alert.getByText('At character 11: outcome is one of ok, error').waitFor();
    expect(await alert.locator('mark').innerText()).toBe('eror');
    await bench.page.getByText('Not applied').waitFor();
    await filter.fill('');
    await bench.page.getByRole('combobox', { name: 'Node' }).selectOption('/node/tool/calculator');
    expect(await filter.inputValue()).toBe('node = /node/tool/calculator');
    await eventually(bench.resultCount, '16 of 112 events');
    await bench.producer.send(bench.traffic.run());
    await eventually(bench.resultCount, '18 of 126 events');
  });

  it('asks the server for what it does not hold itself, and takes in what comes', async () => {
    await bench.producer.send(bench.traffic.runs(8));
    await bench.open('log', 8 * PER_RUN);
    await bench.page.getByRole('combobox', { name: 'Filter events' }).fill('data.iteration = 1 and from = agent/writer');
    await eventually(bench.resultCount, '8 matches loaded of 8');
    await bench.page.getByText('the server looked at').waitFor();
    await bench.producer.send(bench.traffic.run());
    await eventually(bench.resultCount, '9 matches loaded of 9');
    expect(await bench.rows().last().innerText()).toContain('Short sentences.');
  });

  it('tests every condition as the server does', async () => {
    await bench.producer.send(bench.traffic.runs(8));
    await bench.open('log', 8 * PER_RUN);
    const filter = bench.page.getByRole('combobox', { name: 'Filter events' });
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
      const answer = await fetch(`${bench.server.url}api/events?${new URLSearchParams({ where, limit: '1' }).toString()}`);
      const { total } = (await answer.json()) as { total: number };
      await filter.fill(where);
      await eventually(bench.resultCount, `${String(total)} of 112 events`);
    }
  });

  it('completes a condition from the keyboard', async () => {
    await bench.producer.send(bench.traffic.runs(4));
    await bench.open('log', 4 * PER_RUN);
    const filter = bench.page.getByRole('combobox', { name: 'Filter events' });
    const options = bench.page.getByRole('listbox', { name: 'What can stand here' }).getByRole('option');
    await bench.page.getByRole('grid').focus();
    await bench.page.keyboard.press('/');
    await bench.page.keyboard.type('fr');
    await eventually(() => options.allInnerTexts(), ['from\nthe node behind source']);
    await bench.page.keyboard.press('Tab');
    await eventually(() => filter.inputValue(), 'from ');
    await eventually(async () => (await options.allInnerTexts()).length > 3, true);
    await bench.page.keyboard.press('ArrowDown');
    await bench.page.keyboard.press('Enter');
    await eventually(() => filter.inputValue(), 'from = ');
    await bench.page.keyboard.type('search');
    await eventually(() => options.allInnerTexts(), ['/node/tool/search\n8 held']);
    await bench.page.keyboard.press('ArrowDown');
    expect(await filter.getAttribute('aria-activedescendant')).toBe(await options.first().getAttribute('id'));
    await bench.page.keyboard.press('Enter');
    await eventually(() => filter.inputValue(), 'from = /node/tool/search ');
    await eventually(bench.resultCount, '4 of 56 events');
    await eventually(async () => (await options.allInnerTexts()).map((text) => text.split('\n')[0]), ['and', 'or']);
    await bench.page.keyboard.press('Escape');
    await eventually(() => options.count(), 0);
    await bench.page.keyboard.press('Escape');
    expect(await bench.page.evaluate(() => document.activeElement?.getAttribute('role'))).toBe('grid');
  });

  it('narrows to a run and to times', async () => {
    await bench.producer.send(bench.traffic.runs(3));
    await bench.open('log?run=15', 3 * PER_RUN);
    await eventually(bench.resultCount, '14 matches loaded of 14');
    expect(await bench.seqOf(bench.rows().first())).toBe(15);
    await bench.page.getByRole('button', { name: 'Show the events of all runs' }).click();
    await eventually(bench.resultCount, '42 events');
    await bench.page.goto(`${bench.server.url}log?time=1767323045010000-1767323045050000`);
    await eventually(async () => /^[1-9]\d? of 42 events$/.test(await bench.resultCount()), true);
    await bench.page.getByRole('button', { name: 'Show all times' }).click();
    await eventually(bench.resultCount, '42 events');
  });

  it('keeps pinned events and the choice of columns over a reload', async () => {
    await bench.producer.send(bench.traffic.runs(3));
    await bench.open('log', 3 * PER_RUN);
    await bench.page.locator('#event-40').click();
    await bench.page.getByRole('grid').focus();
    await bench.page.keyboard.press('m');
    const pinned = bench.page.getByRole('region', { name: 'Pinned events' });
    await pinned.getByRole('button', { name: /^#40/ }).waitFor();
    await bench.page.locator('summary', { hasText: 'Columns' }).click();
    await bench.page.getByRole('checkbox', { name: 'Session' }).uncheck();
    await bench.page.getByRole('checkbox', { name: 'Size' }).check();
    await bench.page.reload();
    await pinned.getByRole('button', { name: /^#40/ }).waitFor();
    expect(await bench.page.getByRole('columnheader').allInnerTexts()).toEqual(['Seq', 'Time', 'Type', 'Source → target', 'Outcome', 'Size', 'Data']);
    await pinned.getByRole('button', { name: 'Unpin #40' }).click();
    await pinned.waitFor({ state: 'detached' });
  });

  it('exports what it shows', async () => {
    await bench.producer.send(bench.traffic.runs(4));
    await bench.open(`log?q=${encodeURIComponent('outcome = error')}`, 4 * PER_RUN);
    await eventually(bench.resultCount, '1 of 56 events');
    await bench.page.locator('summary', { hasText: 'Export these' }).click();
    const [download] = await Promise.all([bench.page.waitForEvent('download'), bench.page.getByRole('link', { name: 'CSV table' }).click()]);
    const chunks: Buffer[] = [];
    for await (const chunk of await download.createReadStream()) chunks.push(chunk as Buffer);
    const lines = Buffer.concat(chunks).toString('utf8').trim().split(/\r?\n/);
    expect(lines).toHaveLength(2);
    expect(lines[1]).toContain('/node/tool/search');
  });

  it('follows the newest event until the user scrolls up, and again when asked', async () => {
    await bench.producer.send(bench.traffic.runs(30));
    await bench.open('log', 30 * PER_RUN);
    await eventually(() => bench.seqOf(bench.rows().last()), 30 * PER_RUN);
    const follow = bench.page.getByRole('button', { name: 'Follow' });
    expect(await follow.getAttribute('aria-pressed')).toBe('true');
    await bench.page.getByRole('grid').hover();
    await bench.page.mouse.wheel(0, -2000);
    await eventually(() => follow.getAttribute('aria-pressed'), 'false');
    const top = await bench.page.getByRole('grid').evaluate((grid) => grid.scrollTop);
    await bench.producer.send(bench.traffic.runs(5));
    await eventually(bench.resultCount, '490 events');
    expect(await bench.page.getByRole('grid').evaluate((grid) => grid.scrollTop)).toBe(top);
    await follow.click();
    await eventually(() => bench.seqOf(bench.rows().last()), 35 * PER_RUN);
  });

  it('stands still while paused, also over a reload, and catches up', async () => {
    await bench.producer.send(bench.traffic.runs(3));
    await bench.open('log', 3 * PER_RUN);
    await bench.page.getByRole('grid').focus();
    await bench.page.keyboard.press('p');
    await bench.page.getByText(`Paused at #${String(3 * PER_RUN)}`).waitFor();
    await bench.producer.send(bench.traffic.runs(2));
    await eventually(bench.resultCount, 'Paused at #42 · 28 newer\n42 events');
    await bench.page.reload();
    await eventually(bench.resultCount, 'Paused at #42 · 28 newer\n42 events');
    expect(await bench.seqOf(bench.rows().last())).toBe(42);
    await bench.page.getByRole('grid').focus();
    await bench.page.keyboard.press('Space');
    await eventually(bench.resultCount, '70 events');
  });

  it('opens an event as a tree, follows its links, and keeps all of it over a reload', async () => {
    await bench.producer.send(bench.traffic.runs(4));
    await bench.open('log?q=type%20%3D%20node.request', 4 * PER_RUN);
    await bench.page.locator('#event-1').click();
    const panel = bench.page.getByRole('region', { name: 'Event details' });
    await panel.getByRole('heading', { name: 'Event #1' }).waitFor();
    await panel.getByRole('treeitem').filter({ hasText: 'Report on' }).waitFor();
    await panel.getByRole('button', { name: '#14 node.response' }).first().click();
    await panel.getByRole('heading', { name: 'Event #14' }).waitFor();
    await panel.getByRole('treeitem', { name: /final_output/ }).waitFor();
    const address = bench.page.url();
    await bench.page.reload();
    await panel.getByRole('heading', { name: 'Event #14' }).waitFor();
    expect(bench.page.url()).toBe(address);
    expect(await bench.page.getByRole('combobox', { name: 'Filter events' }).inputValue()).toBe('type = node.request');
    await bench.page.goBack();
    await panel.getByRole('heading', { name: 'Event #1' }).waitFor();
    await bench.page.keyboard.press('Escape');
    await panel.waitFor({ state: 'detached' });
  });

  it('folds a long text until it is asked for', async () => {
    await bench.producer.send(bench.traffic.run());
    await bench.open('log?seq=11', PER_RUN);
    const row = bench.page.getByRole('treeitem', { name: /notes/ });
    await row.getByRole('button', { name: 'show all 260 characters' }).click();
    expect(await row.innerText()).toContain('x'.repeat(260));
  });
});
