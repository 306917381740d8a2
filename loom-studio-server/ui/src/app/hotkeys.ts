import { useEffect } from 'react';
import { setUrlState } from '../data/useUrlState';
import { stepPlayhead, togglePause } from '../data/playhead';
import { VIEWS } from '../data/urlState';
import { isTyping } from '../shared/lib/keys';
import type { Overlay } from './App';
import { VIEW_KEYS } from './views';

const SEQUENCE_MS = 1000;

/** The keys that work on every view: Ctrl/Cmd+K, `?`, `g` followed by a view's letter, and the playhead's. */
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
      const view = event.timeStamp - goPressedAt < SEQUENCE_MS ? VIEWS.find((name) => VIEW_KEYS[name] === key) : undefined;
      goPressedAt = Number.NEGATIVE_INFINITY;
      if (view !== undefined) {
        setUrlState({ view }, 'push');
        // The letter has done its work; the view it leads to must not act on it again.
        event.stopImmediatePropagation();
      } else if (key === 'g') goPressedAt = event.timeStamp;
      else if (event.key === '?') onOverlay('shortcuts');
      else if (key === 'p') togglePause();
      else if (key === '[') void stepPlayhead(-1);
      else if (key === ']') void stepPlayhead(1);
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
