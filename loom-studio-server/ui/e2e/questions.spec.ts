import { beforeEach, describe, expect, it } from 'vitest';
import { eventually, liveBench } from './harness';
import { callsOf, recording } from './recording';
import type { LoomEvent } from './traffic';
import { Visitor } from './visitor';

const bench = liveBench();
let visitor: Visitor;

beforeEach(() => {
  visitor = new Visitor(bench.page);
});

/** The same events as if the last of them had just happened. */
function lately(events: readonly LoomEvent[]): LoomEvent[] {
  const behindMs = Date.now() - Math.max(...events.map(({ time }) => Date.parse(time)));
  return events.map((event) => ({ ...event, time: new Date(Date.parse(event.time) + behindMs).toISOString() }));
}

/** From the first page into the recording. */
async function explore(): Promise<void> {
  await bench.open('', 0);
  await visitor.click(bench.page.getByRole('button', { name: 'Explore a recorded run' }));
  await eventually(bench.eventCount, `${recording().events.length.toLocaleString('en')} events`);
}

/** Nodes with calls open after that many events of the recording. */
const RUNNING_AFTER = 106;
const RUNNING = ['auditor', 'billing', 'closing', 'department', 'payments', 'refunds', 'reviewer', 'support'].map((name) => `/node/${name}`).concat('/user/sdk');

/** What `refunds` had in mind when `payments` failed. */
const REMEMBERED = [
  'The books agree: a refund is due for order #9389.',
  'Let me ask payments about order #9389.',
  "'refund': 'booked'",
  'The books agree: a refund is due for order #2453.',
  'Let me ask payments about order #2453.',
  'The refund for order #9389 is booked.',
];

const goTo = (view: string): Promise<void> => visitor.click(bench.page.getByRole('link', { name: view, exact: true }));

describe('somebody who has never seen the page finds out', () => {
  it('who is running now, during a live run', async () => {
    await bench.open('', 0);
    const { events } = recording();
    const soFar = lately(events.slice(0, RUNNING_AFTER));
    await bench.producer.send(soFar);
    const reviewed = soFar.find(({ type, subject }) => type === 'node.request' && subject === '/node/reviewer');
    const reply = events.find(({ type, source }) => type === 'node.response' && source === '/node/reviewer');
    if (reviewed === undefined || reply === undefined) throw new Error('the recording has no reviewer');
    const running = (): Promise<(string | null)[]> =>
      bench.page.locator('[data-testid="nodes"] tbody tr').filter({ hasText: 'running' }).evaluateAll((all) => all.map((row) => row.getAttribute('data-node')));
    await visitor.click(bench.page.getByRole('button', { name: 'Table' }));
    await eventually(running, RUNNING);
    // One of them ends, and the page says so by itself.
    await bench.producer.send([{ ...reply, id: 'e2e-reply', time: new Date().toISOString(), data: { request_id: reviewed.id, result: {} } }]);
    await eventually(running, RUNNING.filter((id) => id !== '/node/reviewer'));
    visitor.expectFewInteractions();
  });

  it('who called whom', async () => {
    await explore();
    await visitor.click(bench.page.getByRole('button', { name: 'Table' }));
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
    await visitor.click(bench.page.getByRole('button', { name: 'Move the playhead here' }));
    await goTo('Memory');
    await visitor.choose(bench.page.getByRole('combobox', { name: /Memory of/ }), 'refunds');
    const remembered = (): Promise<string[]> => bench.page.locator('[data-tier] [data-entry]').allInnerTexts();
    // It worked on two tickets at once: one refund was booked, the other never was.
    await eventually(async () => (await remembered()).map((entry, index) => entry.includes(REMEMBERED[index] ?? '?')), REMEMBERED.map(() => true));
    visitor.expectFewInteractions();
  });

  it('where the time and the tokens went', async () => {
    await explore();
    await goTo('Performance');
    const first = (testId: string): Promise<string[]> => bench.page.getByTestId(testId).getByRole('row').nth(1).locator('th, td').allInnerTexts();
    await eventually(async () => (await first('bottlenecks'))[0], 'payments');
    await eventually(async () => (await first('tokens'))[0], 'intake');
    visitor.expectFewInteractions();
  });
});
