import { create } from 'zustand';

/** Columns of the log, in their order; `seq` always shows. */
export const LOG_COLUMNS = ['seq', 'time', 'type', 'route', 'session', 'outcome', 'bytes', 'preview'] as const;
export type LogColumn = (typeof LOG_COLUMNS)[number];

/** What the list of pinned events shows of one. */
export interface PinnedEvent {
  seq: number;
  timeUs: number;
  kind: string;
  source: string;
  target: string;
  outcome: number;
}

interface Stored {
  hidden: LogColumn[];
  /** Of the stores seen last, newest first: a seq means something only within one. */
  pinned: { epoch: string; events: PinnedEvent[] }[];
}

const STORAGE_KEY = 'loom-studio.log';
const EPOCHS_AT_MOST = 4;
export const PINS_AT_MOST = 50;

function isPinned(value: unknown): value is PinnedEvent {
  if (typeof value !== 'object' || value === null) return false;
  const { seq, timeUs, kind, source, target, outcome } = value as Record<string, unknown>;
  return Number.isSafeInteger(seq) && typeof timeUs === 'number' && typeof outcome === 'number' && [kind, source, target].every((text) => typeof text === 'string');
}

/** Reads what was stored; what is missing or strange falls back. */
export function readLogStore(stored: string | null): Stored {
  let found: Record<string, unknown> = {};
  try {
    const value: unknown = JSON.parse(stored ?? '{}');
    if (typeof value === 'object' && value !== null) found = value as Record<string, unknown>;
  } catch {
    // Not ours, or damaged: the defaults stand.
  }
  const { hidden, pinned } = found;
  return {
    hidden: Array.isArray(hidden) ? LOG_COLUMNS.filter((column) => column !== 'seq' && hidden.includes(column)) : ['bytes'],
    pinned: !Array.isArray(pinned)
      ? []
      : pinned
          .filter((of): of is { epoch: string; events: unknown[] } => {
            if (typeof of !== 'object' || of === null) return false;
            const { epoch, events } = of as Record<string, unknown>;
            return typeof epoch === 'string' && Array.isArray(events);
          })
          .slice(0, EPOCHS_AT_MOST)
          .map(({ epoch, events }) => ({ epoch, events: events.filter(isPinned).slice(0, PINS_AT_MOST) })),
  };
}

function load(): string | null {
  try {
    return localStorage.getItem(STORAGE_KEY);
  } catch {
    return null;
  }
}

/** How the log is looked at, kept by the browser. */
export const useLogStore = create<Stored>(() => readLogStore(load()));

function save(patch: Partial<Stored>): void {
  useLogStore.setState(patch);
  try {
    localStorage.setItem(STORAGE_KEY, JSON.stringify(useLogStore.getState()));
  } catch {
    // Without storage it lasts as long as the page.
  }
}

export function showColumn(column: LogColumn, shown: boolean): void {
  const others = useLogStore.getState().hidden.filter((name) => name !== column);
  save({ hidden: shown ? others : [...others, column] });
}

const NONE: PinnedEvent[] = [];

export function pinnedOf({ pinned }: Stored, epoch: string | null): PinnedEvent[] {
  return pinned.find((of) => of.epoch === epoch)?.events ?? NONE;
}

/** Replaces the pinned events of a store. */
export function setPinned(epoch: string, events: PinnedEvent[]): void {
  const others = useLogStore.getState().pinned.filter((of) => of.epoch !== epoch);
  const sorted = [...events].sort((a, b) => a.seq - b.seq).slice(-PINS_AT_MOST);
  save({ pinned: [...(sorted.length === 0 ? [] : [{ epoch, events: sorted }]), ...others].slice(0, EPOCHS_AT_MOST) });
}

export function togglePin(epoch: string, event: PinnedEvent): void {
  const now = pinnedOf(useLogStore.getState(), epoch);
  const others = now.filter(({ seq }) => seq !== event.seq);
  setPinned(epoch, others.length === now.length ? [...now, event] : others);
}
