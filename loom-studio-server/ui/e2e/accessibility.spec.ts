import { describe, expect, it } from 'vitest';
import { axeFindings } from './browser';
import { liveBench } from './harness';

const bench = liveBench();

describe('accessibility', () => {
  it.each(['light', 'dark'] as const)('axe finds nothing serious in %s', async (colorScheme) => {
    await bench.producer.send(bench.traffic.runs(4));
    const context = await bench.browser.newContext({ bypassCSP: true, colorScheme, viewport: { width: 1400, height: 860 } });
    const checked = await context.newPage();
    for (const path of ['log?seq=6&q=foo:x', 'topology?node=%2Fnode%2Ftool%2Fsearch', 'topology?as=table&from=%2Fnode%2Fagent%2Fplanner&to=%2Fnode%2Ftool%2Fsearch']) {
      await checked.goto(bench.server.url + path);
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
