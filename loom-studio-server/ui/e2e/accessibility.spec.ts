import { mkdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import type { Page } from 'playwright-core';
import { VIEWS } from '../src/data/urlState';
import { axeFindings } from './browser';
import { eventually, recordedBench } from './harness';

const bench = recordedBench();

/** What was looked at, kept for whoever wants to see it. */
const SCREENSHOTS = fileURLToPath(new URL('../../../target/ci/screenshots/', import.meta.url));
mkdirSync(SCREENSHOTS, { recursive: true });

/** Each view, and each with something more to show. */
const PLACES: Record<string, string> = {
  ...Object.fromEntries(VIEWS.map((view) => [view, view])),
  'topology-node': 'topology?node=%2Fnode%2Frefunds&at=203',
  'topology-table': 'topology?as=table&from=%2Fnode%2Frefunds&to=%2Fnode%2Fpayments',
  'timeline-event': 'timeline?seq=203',
  'runs-failed': 'runs?run=21',
  'memory-compared': 'memory?node=%2Fnode%2Frefunds&at=180&compare=140',
  'log-event': 'log?seq=6&q=foo%20%3D%20x',
  'side-by-side': 'runs?with=timeline&run=21&seq=203',
};

async function show(page: Page, path: string): Promise<void> {
  await page.goto(bench.address(path));
  await eventually(() => page.getByTestId('phase').textContent(), 'Live');
  await page.waitForTimeout(400);
}

describe.each(['light', 'dark'] as const)('in %s', (colorScheme) => {
  it('axe finds nothing serious on any view, the first page and what opens above them', async () => {
    const { page, context } = await bench.another({ bypassCSP: true, colorScheme });
    const check = async (name: string): Promise<void> => {
      await page.screenshot({ path: `${SCREENSHOTS}${name}-${colorScheme}.png` });
      expect.soft(await axeFindings(page), name).toEqual([]);
    };
    for (const [name, path] of Object.entries(PLACES)) {
      await show(page, path);
      await check(name);
    }
    await page.getByRole('button', { name: 'Breakpoints' }).click();
    await page.getByRole('textbox', { name: 'Add a breakpoint' }).fill('type =');
    await page.getByRole('textbox', { name: 'Add a breakpoint' }).press('Enter');
    await page.getByRole('alert').waitFor();
    await check('breakpoints');
    await page.keyboard.press('Escape');
    await page.keyboard.press('Control+k');
    await page.getByRole('dialog').waitFor();
    await check('palette');
    await page.goto(`${bench.server.url}?workspace=nothing-yet`);
    await page.getByRole('heading', { name: 'Waiting for the first event' }).waitFor();
    await check('first-run');
    await context.close();
  }, 240_000);
});

it.each([[800, 'en'], [390, 'en'], [1400, 'zh']] as const)('at %i pixels in %s nothing sticks out of the window', async (width, language) => {
  const { page, context } = await bench.another({ viewport: { width, height: 800 }, locale: language === 'zh' ? 'zh-CN' : 'en-US' });
  for (const [name, path] of Object.entries(PLACES)) {
    await page.goto(bench.address(path));
    await page.locator('main h1').first().waitFor({ state: 'attached' });
    await page.waitForTimeout(500);
    await page.screenshot({ path: `${SCREENSHOTS}${name}-${String(width)}-${language}.png` });
    expect.soft(await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth), `${name} at ${String(width)}`).toBeLessThanOrEqual(0);
  }
  await context.close();
}, 240_000);
