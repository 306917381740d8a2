import { describe, it } from 'vitest';
import type { Locator } from 'playwright-core';
import { VIEWS, type ViewName } from '../src/data/urlState';
import { eventually, recordedBench } from './harness';
import { recording } from './recording';

const bench = recordedBench();
const EVENTS = recording().events.length;
/** Where the payment service fails, and the last record. */
const FAILURE = 203;
const HEAD = 1372;

const texts = (where: Locator): Promise<string[]> => where.allInnerTexts();
const figure = (name: string): Promise<string> => bench.page.locator(`[data-figure="${name}"] dd`).innerText();
const range = (): Locator => bench.page.getByRole('slider', { name: 'Playhead' });

/** What each view says that depends on the playhead: as of the failure, and at the head. */
const SAYS: Record<ViewName, { path: string; read: () => Promise<unknown>; then: unknown; now: unknown }> = {
  topology: { path: 'topology', read: () => bench.page.getByTestId('topology-counts').innerText(), then: '15 nodes · 15 edges', now: '17 nodes · 18 edges' },
  timeline: {
    path: 'timeline?as=table',
    read: () => bench.page.getByRole('table', { name: 'Lanes' }).locator('tbody tr').count(),
    then: 17,
    now: 17,
  },
  runs: { path: 'runs', read: () => bench.page.getByTestId('run-count').innerText(), then: '3 runs', now: '18 runs' },
  memory: { path: 'memory?node=%2Fnode%2Frefunds', read: () => bench.page.locator('[data-entry]').count(), then: 6, now: 28 },
  state: { path: 'state', read: () => texts(bench.page.locator('main h2').first()), then: ['No state was reported up to here.'], now: ['No state was reported up to here.'] },
  log: { path: 'log', read: async () => /\d+ events$/.exec(await bench.resultCount())?.[0], then: '143 events', now: '954 events' },
  performance: { path: 'performance', read: () => figure('open'), then: '10', now: '0' },
};

describe('each view', () => {
  it.each(VIEWS)('%s loads, shows the state as of the playhead, and the same after a reload', async (view) => {
    const { path, read, then, now } = SAYS[view];
    await bench.open(path, EVENTS);
    await eventually(read, now);
    const at = `${path}${path.includes('?') ? '&' : '?'}at=${String(FAILURE)}&seq=${String(FAILURE)}`;
    await bench.page.goto(bench.address(at));
    await eventually(read, then);
    await bench.page.getByRole('heading', { name: `Event #${String(FAILURE)}` }).waitFor();
    await bench.page.reload();
    await eventually(read, then);
    await bench.page.getByRole('heading', { name: `Event #${String(FAILURE)}` }).waitFor();
    await bench.page.getByRole('button', { name: 'Live', exact: true }).click();
    await eventually(read, now);
    // The recording has no state tree.
    if (view === 'state') bench.excuse(/status of 404/);
  });

  it('shares the selection with the view beside it', async () => {
    await bench.open('runs?with=log&run=21&at=203', EVENTS);
    await bench.page.getByRole('treeitem').filter({ hasText: 'payments' }).click();
    const selected = bench.page.locator('[role="row"][aria-selected="true"]');
    await eventually(async () => (await selected.count()) === 1 && /payments/.test(await selected.innerText()), true);
    await eventually(() => bench.page.getByRole('tree', { name: 'Calls of the run' }).getByRole('treeitem', { selected: true }).count(), 1);
    await bench.page.getByRole('combobox', { name: 'Second view' }).selectOption({ label: 'Memory' });
    await bench.page.getByTestId('memory-total').waitFor();
    await bench.page.reload();
    await bench.page.getByTestId('memory-total').waitFor();
    await bench.page.getByRole('button', { name: 'Close Runs' }).click();
    await eventually(() => bench.page.title(), 'Memory · Loom Studio');
  });
});

describe('the replay bar', () => {
  it('scrubs, steps and returns to the head', async () => {
    await bench.open('memory?node=%2Fnode%2Frefunds', EVENTS);
    await range().fill(String(FAILURE));
    await eventually(bench.playhead, `Event #${String(FAILURE)} of #${String(HEAD)}`);
    await eventually(() => bench.page.locator('[data-entry]').count(), 6);
    await bench.page.getByRole('button', { name: 'Step back' }).click();
    await eventually(async () => Number(/#(\d+)/.exec(await bench.playhead())?.[1]) < FAILURE, true);
    await bench.page.getByRole('button', { name: 'Step forward' }).click();
    await eventually(bench.playhead, `Event #${String(FAILURE)} of #${String(HEAD)}`);
    await bench.page.getByRole('button', { name: 'Live', exact: true }).click();
    await eventually(bench.playhead, `At the head, #${String(HEAD)}`);
    await eventually(() => Promise.resolve(new URL(bench.page.url()).searchParams.has('at')), false);
  });

  it('plays up to a breakpoint, goes to the next and the previous, and to where one first held', async () => {
    await bench.open('topology?at=190', EVENTS);
    await bench.page.getByRole('button', { name: 'Breakpoints' }).click();
    const box = bench.page.getByRole('textbox', { name: 'Add a breakpoint' });
    await box.fill('type = ');
    await box.press('Enter');
    await bench.page.getByRole('alert').waitFor();
    bench.excuse(/status of 400/);
    await box.fill('type = "node.error"');
    await box.press('Enter');
    await bench.page.getByRole('checkbox', { name: 'Stop at type = "node.error"' }).waitFor();
    await bench.page.getByRole('button', { name: 'Play', exact: true }).click();
    await bench.page.getByText(`Stopped at a breakpoint, #${String(FAILURE)}`).waitFor();
    await eventually(bench.playhead, `Event #${String(FAILURE)} of #${String(HEAD)}`);
    await bench.page.getByRole('button', { name: 'Next breakpoint' }).click();
    await eventually(bench.playhead, `Event #1067 of #${String(HEAD)}`);
    await bench.page.getByRole('button', { name: 'Next breakpoint' }).click();
    await bench.page.getByText('No event there matches.').waitFor();
    await bench.page.getByRole('button', { name: 'Previous breakpoint' }).click();
    await eventually(bench.playhead, `Event #${String(FAILURE)} of #${String(HEAD)}`);
    await bench.page.getByRole('button', { name: 'Live', exact: true }).click();
    await bench.page.getByRole('button', { name: 'First true' }).click();
    await eventually(bench.playhead, `Event #${String(FAILURE)} of #${String(HEAD)}`);
  });

  it('compares two positions', async () => {
    await bench.open('memory?node=%2Fnode%2Frefunds&at=140', EVENTS);
    await bench.page.getByRole('button', { name: 'Mark this position to compare with' }).click();
    await range().fill('180');
    const diff = bench.page.getByTestId('memory-diff');
    await eventually(async () => texts(diff.locator('h2')), ['Changes from #140 to #180']);
    await eventually(() => diff.locator('li[data-kind="added"]').count(), 4);
    await diff.getByRole('button', { name: /refunds, #154/ }).click();
    await bench.page.getByRole('heading', { name: 'Event #154' }).waitFor();
    await bench.page.getByRole('button', { name: /End the comparison/ }).click();
    await diff.waitFor({ state: 'detached' });
  });
});
