import { expect, it } from 'vitest';
import { VIEWS } from '../src/data/urlState';
import { eventually, liveBench } from './harness';
import { hostileStrings } from './hostile';
import type { LoomEvent } from './traffic';

const bench = liveBench();
const START_MS = Date.UTC(2026, 0, 2, 3, 4, 5);

/** What a server could refuse in an attribute is no attack on the page; in data everything is let through. */
function attribute(text: string, index: number): string {
  const printable = [...text].filter((char) => char >= ' ' && !/[\u007f-\u009f\ufffe\uffff]/.test(char)).join('').slice(0, 900);
  return printable.trim() === '' ? `blank-${String(index)}` : printable;
}

/** For each string: a call, a memory entry, a state and an event of its own type that all consist of it. */
function hostileEvents(): LoomEvent[] {
  return hostileStrings().flatMap((text, index): LoomEvent[] => {
    const name = attribute(text, index);
    const event = (kind: string, type: string, source: string, data: Record<string, unknown>, subject?: string): LoomEvent => ({
      specversion: '1.0',
      id: `${kind}-${String(index)}-${name}`.slice(0, 900),
      source,
      type,
      ...(subject === undefined ? {} : { subject }),
      time: new Date(START_MS + index * 5).toISOString(),
      traceparent: `00-${(index + 1).toString(16).padStart(32, '0')}-${(index + 1).toString(16).padStart(16, '0')}-01`,
      data,
    });
    const own = JSON.parse(`{${JSON.stringify(text)}: ${JSON.stringify(text)}, "__proto__": {"polluted": true}, "constructor": {"prototype": {"polluted": true}}}`) as Record<string, unknown>;
    const request = event('q', 'node.request', '/user/sdk', { task: text, ...own, nested: own }, name);
    return [
      request,
      event('r', 'node.response', name, { request_id: request.id, result: { error: text } }),
      event('m', 'memory.add', name, { entry: { id: text, tier: text, role: text, content: text }, entry_id: text, tier: 'session', content: text }),
      event('s', 'state.patch', name, { patches: [{ op: 'add', path: `/${text.replaceAll('~', '~0').replaceAll('/', '~1')}`, value: text }] }),
      event('t', name, '/node/agent/author', own),
    ];
  });
}

it('has five hundred strings', () => {
  expect(hostileStrings().length).toBeGreaterThanOrEqual(500);
});

it('takes what events say for text, on every view', async () => {
  const events = hostileEvents();
  const sent = await fetch(`${bench.server.url}events`, { method: 'POST', headers: { 'content-type': 'application/cloudevents-batch+json' }, body: JSON.stringify(events) });
  const answer = (await sent.text()).slice(0, 300);
  expect(sent.status, answer).toBeLessThan(300);
  await bench.open('', null);
  const held = await bench.eventCount();
  expect(Number(held.replace(/\D/g, ''))).toBeGreaterThan(events.length * 0.9);
  for (const view of VIEWS) {
    for (const path of [view, `${view}?as=table&seq=1`, `${view}?node=${encodeURIComponent(hostileStrings()[0] ?? '')}&compare=40`]) {
      await bench.open(path, null);
      await bench.page.locator('main h1').first().waitFor({ state: 'attached' });
      await bench.page.waitForTimeout(250);
      expect(await bench.page.getByText('This view failed to load.').count(), path).toBe(0);
    }
  }
  const state = await bench.page.evaluate(() => ({
    ran: '__hostile' in window,
    polluted: 'polluted' in {},
    frames: document.querySelectorAll('iframe, object, embed').length,
    links: [...document.querySelectorAll('a[href]')].filter((a) => !/^(\/|#)/.test(a.getAttribute('href') ?? '')).length,
  }));
  expect(state).toEqual({ ran: false, polluted: false, frames: 0, links: 0 });
  await eventually(bench.phase, 'Live');
});
