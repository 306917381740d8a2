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

  it('filters by token, text and facet, and points at a wrong token', async () => {
    await bench.producer.send(bench.traffic.runs(8));
    await bench.open('log', 8 * PER_RUN);
    const filter = bench.page.getByRole('textbox', { name: 'Filter events' });
    await filter.fill('error');
    await eventually(bench.resultCount, '2 of 112 events');
    expect(await bench.rows().count()).toBe(2);
    expect(await bench.rows().first().innerText()).toContain('tool/search → agent/planner');
    await filter.fill('type:agent.* node:agent/writer');
    await eventually(bench.resultCount, '8 of 112 events');
    await filter.fill('copper');
    await eventually(async () => (await bench.resultCount()) !== '112 events' && (await bench.rows().count()) > 0, true);
    for (const text of await bench.rows().allInnerTexts()) expect(text).toContain('copper');
    await filter.fill('colour:blue type:agent.thought');
    expect(await bench.page.getByRole('alert').innerText()).toContain('“colour:blue”: unknown key');
    await eventually(bench.resultCount, '16 of 112 events');
    await filter.fill('');
    await bench.page.getByRole('combobox', { name: 'Node' }).selectOption('/node/tool/calculator');
    expect(await filter.inputValue()).toBe('node:/node/tool/calculator');
    await eventually(bench.resultCount, '16 of 112 events');
    await bench.producer.send(bench.traffic.run());
    await eventually(bench.resultCount, '18 of 126 events');
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
    await bench.open('log?q=type:node.request', 4 * PER_RUN);
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
    expect(await bench.page.getByRole('textbox', { name: 'Filter events' }).inputValue()).toBe('type:node.request');
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

