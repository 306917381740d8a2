import { create } from 'zustand';

export interface Breakpoint {
  condition: string;
  enabled: boolean;
}

const STORAGE_KEY = 'loom-studio.breakpoints';
/** As many as a replay session of the server takes. */
export const BREAKPOINTS_AT_MOST = 64;

/** Reads stored breakpoints; what isn't one is left out. */
export function readBreakpoints(stored: string | null): Breakpoint[] {
  try {
    const value: unknown = JSON.parse(stored ?? '[]');
    if (!Array.isArray(value)) return [];
    return value
      .filter((item): item is Breakpoint => {
        if (typeof item !== 'object' || item === null) return false;
        const { condition, enabled } = item as Record<string, unknown>;
        return typeof condition === 'string' && condition.trim() !== '' && typeof enabled === 'boolean';
      })
      .slice(0, BREAKPOINTS_AT_MOST)
      .map(({ condition, enabled }) => ({ condition, enabled }));
  } catch {
    return [];
  }
}

function load(): string | null {
  try {
    return localStorage.getItem(STORAGE_KEY);
  } catch {
    return null;
  }
}

/** Conditions at which playing stops. They are the browser's, and last. */
export const useBreakpoints = create<{ list: Breakpoint[] }>(() => ({ list: readBreakpoints(load()) }));

function setBreakpoints(list: Breakpoint[]): void {
  useBreakpoints.setState({ list });
  try {
    localStorage.setItem(STORAGE_KEY, JSON.stringify(list));
  } catch {
    // Without storage a breakpoint lasts as long as the page.
  }
}

/** Adds a breakpoint; one that is there already is switched on. */
export function addBreakpoint(condition: string): void {
  const text = condition.trim();
  if (text === '') return;
  const others = useBreakpoints.getState().list.filter((breakpoint) => breakpoint.condition !== text);
  setBreakpoints([...others, { condition: text, enabled: true }].slice(-BREAKPOINTS_AT_MOST));
}

export function removeBreakpoint(condition: string): void {
  setBreakpoints(useBreakpoints.getState().list.filter((breakpoint) => breakpoint.condition !== condition));
}

export function enableBreakpoint(condition: string, enabled: boolean): void {
  setBreakpoints(useBreakpoints.getState().list.map((breakpoint) => (breakpoint.condition === condition ? { condition, enabled } : breakpoint)));
}

/** One condition that holds where any enabled breakpoint does; `null` when none is. */
export function anyOf(list: readonly Breakpoint[]): string | null {
  const enabled = list.filter((breakpoint) => breakpoint.enabled).map(({ condition }) => `(${condition})`);
  return enabled.length === 0 ? null : enabled.join(' or ');
}
