import { describe, expect, it } from 'vitest';
import { eventually, liveBench, PER_RUN } from './harness';

const bench = liveBench();

describe('the keyboard', () => {
  it('alone reaches the views, an event, its tree, the palette and the shortcuts', async () => {
    await bench.producer.send(bench.traffic.runs(3));
    await bench.open('', 3 * PER_RUN);
    await bench.page.keyboard.press('Tab');
    expect(await bench.page.evaluate(() => document.activeElement?.textContent)).toBe('Skip to content');
    await bench.page.keyboard.press('Enter');
    expect(await bench.page.evaluate(() => document.activeElement?.id)).toBe('main');
    await bench.page.keyboard.press('g');
    await bench.page.keyboard.press('l');
    await bench.page.getByRole('grid').waitFor();
    await eventually(() => bench.seqOf(bench.rows().last()), 42);
    await bench.page.keyboard.press('/');
    await bench.page.keyboard.type('type = agent.thought');
    await bench.page.keyboard.press('Enter');
    await eventually(bench.resultCount, '6 of 42 events');
    await bench.page.keyboard.press('Home');
    await bench.page.keyboard.press('j');
    await eventually(() => bench.page.locator('[role="row"][aria-selected="true"]').getAttribute('id'), 'event-12');
    await bench.page.keyboard.press('Enter');
    await bench.page.getByRole('heading', { name: 'Event #12' }).waitFor();
    await bench.page.keyboard.press('k');
    await bench.page.getByRole('heading', { name: 'Event #4' }).waitFor();
    await bench.page.getByRole('treeitem', { name: /^data/ }).waitFor();
    for (let i = 0; i < 30 && (await bench.page.evaluate(() => document.activeElement?.getAttribute('role'))) !== 'treeitem'; i += 1) {
      await bench.page.keyboard.press('Tab');
    }
    await bench.page.keyboard.press('End');
    await bench.page.keyboard.press('Home');
    expect(await bench.page.evaluate(() => document.activeElement?.getAttribute('aria-posinset'))).toBe('1');
    await bench.page.keyboard.press('Escape');
    await bench.page.getByRole('heading', { name: 'Event #4' }).waitFor({ state: 'detached' });
    await bench.page.keyboard.press('?');
    await bench.page.getByRole('dialog', { name: 'Keyboard shortcuts' }).waitFor();
    await bench.page.keyboard.press('Escape');
    await bench.page.keyboard.press('Control+k');
    await bench.page.keyboard.type('table');
    await bench.page.keyboard.press('Enter');
    await bench.page.getByRole('table', { name: 'Nodes' }).waitFor();
  });
});

