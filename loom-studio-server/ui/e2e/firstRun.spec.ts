import { describe, expect, it } from 'vitest';
import { eventually, liveBench } from './harness';
import { recording } from './recording';

const bench = liveBench();

describe('the empty page', () => {
  it('says what to run, and turns into the view with the first event', async () => {
    await bench.open('', 0);
    await bench.page.getByRole('heading', { name: 'Waiting for the first event' }).waitFor();
    const commands = await bench.page.locator('main code').allInnerTexts();
    expect(commands).toEqual([
      'LOOM_STUDIO_ENABLED=true python your_app.py',
      `LOOM_STUDIO_URL=ws://127.0.0.1:${String(bench.server.port)} LOOM_STUDIO_ENABLED=true python your_app.py`,
    ]);
    await bench.producer.send(bench.traffic.run());
    await bench.page.getByRole('img', { name: /Topology graph/ }).waitFor();
    expect(await bench.page.title()).toBe('Topology · Loom Studio');
  });
});


describe('the recorded run', () => {
  it('is explored apart from what the user’s applications send, and left again', async () => {
    await bench.open('', 0);
    await bench.page.getByRole('button', { name: 'Explore a recorded run' }).click();
    await eventually(bench.eventCount, `${String(recording().events.length)} events`);
    const notice = bench.page.getByRole('note').filter({ hasText: 'recorded run of a support desk' });
    expect(new URL(bench.page.url()).searchParams.get('workspace')).toBe('sample');
    await bench.page.getByRole('link', { name: 'Runs', exact: true }).click();
    await eventually(() => bench.page.getByTestId('run-count').innerText(), '18 runs');
    await notice.getByRole('button', { name: 'Back to your events' }).click();
    await bench.page.getByRole('heading', { name: 'Waiting for the first event' }).waitFor();
    expect(await notice.count()).toBe(0);
    // Once more, and nothing is there twice.
    await bench.page.getByRole('button', { name: 'Explore a recorded run' }).click();
    await eventually(bench.eventCount, `${String(recording().events.length)} events`);
  });
});
