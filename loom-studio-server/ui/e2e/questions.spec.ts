import { beforeEach, describe, expect, it } from 'vitest';
import { eventually, liveBench } from './harness';
import { callsOf, recording } from './recording';
import { importLines } from './server';
import { Visitor } from './visitor';

const bench = liveBench();
let visitor: Visitor;

beforeEach(() => {
  visitor = new Visitor(bench.page);
});

/** From the first page into the recording. */
async function explore(): Promise<void> {
  await bench.open('', 0);
  await visitor.click(bench.page.getByRole('button', { name: 'Explore a recorded run' }));
  await eventually(bench.eventCount, `${recording().events.length.toLocaleString('en')} events`);
}

const goTo = (view: string): Promise<void> => visitor.click(bench.page.getByRole('link', { name: view, exact: true }));

describe('somebody who has never seen the page finds out', () => {
  it('who is running now, during a live run', async () => {
    await bench.open('', 0);
    // The run as it was when its tool had just failed, and then a little further.
    const lines = recording().text.split('\n');
    await importLines(bench.server, `${lines.slice(0, 150).join('\n')}\n`, 'default').catch(() => undefined);
    const running = (): Promise<(string | null)[]> =>
      bench.page.locator('[data-testid="nodes"] tbody tr').filter({ hasText: 'running' }).evaluateAll((all) => all.map((row) => row.getAttribute('data-node')));
    await visitor.press('t');
    await eventually(running, []);
    visitor.expectFewInteractions();
  });

  it('who called whom', async () => {
    await explore();
    await visitor.press('t');
    const edges = (): Promise<Record<string, number>> =>
      bench.page.locator('[data-testid="edges"] tbody tr').evaluateAll((all) =>
        Object.fromEntries(all.map((row) => [`${row.children[0]?.textContent ?? ''} → ${row.children[1]?.textContent ?? ''}`, Number(row.children[2]?.textContent)])),
      );
    await eventually(edges, callsOf(recording().events));
    visitor.expectFewInteractions();
  });

  it('what failed first, and why', async () => {
    await explore();
    await goTo('Runs');
    await visitor.choose(bench.page.getByRole('combobox', { name: 'Status' }), 'failed');
    await visitor.click(bench.page.getByRole('region', { name: 'Runs' }).getByRole('button', { name: /failed/ }));
    await visitor.click(bench.page.getByRole('button', { name: 'What went wrong first' }));
    const steps = await bench.page.getByTestId('why-failed').getByRole('listitem').allInnerTexts();
    expect(steps[0]).toContain('payments reported an error');
    expect(steps[0]).toContain('503 service unavailable');
    expect(steps[1]).toContain('refunds never heard of it and waited 30.0 s for payments');
    expect(steps.at(-1)).toContain('support answered with an error');
    visitor.expectFewInteractions();
  });

  it('what an agent remembered at that moment', async () => {
    await explore();
    await goTo('Timeline');
    await visitor.click(bench.page.getByRole('button', { name: /First error/ }));
    await visitor.click(bench.page.getByRole('button', { name: 'Go to this moment' }));
    await goTo('Memory');
    await visitor.choose(bench.page.getByRole('combobox', { name: /Memory of/ }), 'refunds');
    const remembered = (): Promise<string[]> => bench.page.locator('[data-tier] [data-entry]').allInnerTexts();
    await eventually(async () => (await remembered()).at(-1)?.includes('Let me ask payments about order'), true);
    visitor.expectFewInteractions();
  });

  it('where the time and the tokens went', async () => {
    await explore();
    await goTo('Performance');
    const first = (testId: string): Promise<string[]> => bench.page.getByTestId(testId).getByRole('row').nth(1).locator('th, td').allInnerTexts();
    await eventually(async () => (await first('bottlenecks'))[0], 'support');
    await eventually(async () => (await first('tokens'))[0], 'intake');
    visitor.expectFewInteractions();
  });
});
