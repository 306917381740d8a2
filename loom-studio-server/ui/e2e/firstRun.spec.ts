import { describe, expect, it } from 'vitest';
import { liveBench } from './harness';

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

