import { create } from 'zustand';

export const THEMES = ['system', 'light', 'dark'] as const;
export type Theme = (typeof THEMES)[number];
export const LANGUAGES = ['en', 'zh'] as const;
export type Language = (typeof LANGUAGES)[number];

export interface Prefs {
  theme: Theme;
  language: Language;
  /** Width of the details panel in pixels. */
  panelWidth: number;
  /** How much of the width a second view takes. */
  besideShare: number;
  /** Lanes of the timeline that stay at its top. */
  pins: string[];
}

/** `public/theme.js` reads this key before the first paint. */
const STORAGE_KEY = 'loom-studio.prefs';

export const PANEL_WIDTH = { min: 280, max: 900, initial: 420 } as const;

function isOneOf<T extends string>(values: readonly T[], value: unknown): value is T {
  return typeof value === 'string' && (values as readonly string[]).includes(value);
}

/** Reads stored preferences; whatever is missing or strange falls back to the browser's. */
export function readPrefs(stored: string | null, browserLanguage: string): Prefs {
  let found: Record<string, unknown> = {};
  try {
    const value: unknown = JSON.parse(stored ?? '{}');
    if (typeof value === 'object' && value !== null) found = value as Record<string, unknown>;
  } catch {
    // Not ours, or damaged: the defaults stand.
  }
  const { theme, language, panelWidth, besideShare, pins } = found;
  return {
    theme: isOneOf(THEMES, theme) ? theme : 'system',
    language: isOneOf(LANGUAGES, language) ? language : browserLanguage.toLowerCase().startsWith('zh') ? 'zh' : 'en',
    panelWidth:
      typeof panelWidth === 'number' && Number.isFinite(panelWidth)
        ? Math.min(PANEL_WIDTH.max, Math.max(PANEL_WIDTH.min, panelWidth))
        : PANEL_WIDTH.initial,
    besideShare: typeof besideShare === 'number' && besideShare > 0 && besideShare < 1 ? besideShare : 0.5,
    pins: Array.isArray(pins) ? pins.filter((pin): pin is string => typeof pin === 'string') : [],
  };
}

function load(): string | null {
  try {
    return localStorage.getItem(STORAGE_KEY);
  } catch {
    return null;
  }
}

export const usePrefs = create<Prefs>(() => readPrefs(load(), typeof navigator === 'undefined' ? 'en' : navigator.language));

export function setPrefs(patch: Partial<Prefs>): void {
  usePrefs.setState(patch);
  try {
    localStorage.setItem(STORAGE_KEY, JSON.stringify(usePrefs.getState()));
  } catch {
    // Without storage a preference lasts as long as the page.
  }
}

/** Takes away all that the page has stored in this browser. */
export function forgetPrefs(): void {
  try {
    for (const key of Object.keys(localStorage)) if (key.startsWith('loom-studio.')) localStorage.removeItem(key);
  } catch {
    // What isn't stored needs no forgetting.
  }
}
