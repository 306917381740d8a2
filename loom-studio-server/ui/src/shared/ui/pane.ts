import { createContext, useContext, useEffect, useRef } from 'react';

export interface Pane {
  /** Whether keys go to this pane: two panes can be open, and one of them is in use. */
  isActive: () => boolean;
}

export const PaneContext = createContext<Pane>({ isActive: () => true });

/** Hands keys to a view while its pane is the one in use and no dialog is open. */
export function useViewKeys(onKey: (event: KeyboardEvent) => void): void {
  const pane = useContext(PaneContext);
  const latest = useRef(onKey);
  useEffect(() => {
    latest.current = onKey;
  }, [onKey]);
  useEffect(() => {
    const listen = (event: KeyboardEvent): void => {
      if (event.defaultPrevented || !pane.isActive() || document.querySelector('dialog[open]') !== null) return;
      latest.current(event);
    };
    window.addEventListener('keydown', listen);
    return () => {
      window.removeEventListener('keydown', listen);
    };
  }, [pane]);
}
