import { describe, expect, it } from 'vitest';
import { PANEL_WIDTH, readPrefs } from './prefs';

describe('readPrefs', () => {
  it('reads what was stored', () => {
    const prefs = { theme: 'dark', language: 'zh', panelWidth: 500, besideShare: 0.3, pins: ['/node/a'] };
    expect(readPrefs(JSON.stringify(prefs), 'en-US')).toEqual(prefs);
  });

  it.each([null, 'not json', '[]', 'null', '{"theme":"neon","language":7,"panelWidth":"wide","besideShare":2,"pins":3}'])('falls back from %j', (stored) => {
    expect(readPrefs(stored, 'zh-TW')).toEqual({ theme: 'system', language: 'zh', panelWidth: PANEL_WIDTH.initial, besideShare: 0.5, pins: [] });
    expect(readPrefs(stored, 'fr')).toMatchObject({ language: 'en' });
  });

  it('keeps the panel within the page', () => {
    expect(readPrefs('{"panelWidth":5}', 'en').panelWidth).toBe(PANEL_WIDTH.min);
    expect(readPrefs('{"panelWidth":99999}', 'en').panelWidth).toBe(PANEL_WIDTH.max);
  });
});
