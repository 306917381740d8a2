import { useEffect } from 'react';
import { setUrlState } from '../data/useUrlState';
import type { ViewName } from '../data/urlState';
import { isTyping } from '../shared/lib/keys';
import type { Overlay } from './App';

const SEQUENCE_MS = 1000;
const GO: Record<string, ViewName | undefined> = { t: 'topology', l: 'log' };

/** The keys that work on every view: Ctrl/Cmd+K, `?`, and `g` followed by a view's letter. */
export function useHotkeys(onOverlay: (overlay: Overlay) => void): void {
  useEffect(() => {
    let goPressedAt = Number.NEGATIVE_INFINITY;
    const onKey = (event: KeyboardEvent): void => {
      const key = event.key.toLowerCase();
      if (key === 'k' && (event.ctrlKey || event.metaKey) && !event.shiftKey && !event.altKey) {
        event.preventDefault();
        onOverlay('palette');
        return;
      }
      if (event.ctrlKey || event.metaKey || event.altKey || isTyping(event.target) || document.querySelector('dialog[open]') !== null) return;
      const view = event.timeStamp - goPressedAt < SEQUENCE_MS ? GO[key] : undefined;
      goPressedAt = Number.NEGATIVE_INFINITY;
      if (view !== undefined) {
        setUrlState({ view }, 'push');
        // The letter has done its work; the view it leads to must not act on it again.
        event.stopImmediatePropagation();
      } else if (key === 'g') goPressedAt = event.timeStamp;
      else if (event.key === '?') onOverlay('shortcuts');
      else return;
      event.preventDefault();
    };
    // Capturing, so that the second letter of a sequence is seen before a view's own keys.
    window.addEventListener('keydown', onKey, { capture: true });
    return () => {
      window.removeEventListener('keydown', onKey, { capture: true });
    };
  }, [onOverlay]);
}
