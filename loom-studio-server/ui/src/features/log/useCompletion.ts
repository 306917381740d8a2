import { useEffect, useState } from 'react';
import { getJson } from '../../data/api';
import type { Completion } from './completion';

/** A pause in typing that is worth a question. */
const PAUSE_MS = 100;
const TEXT_AT_MOST = 4000;

/** What the server says of a text and a place in it; the last answer stands until the next. */
export function useCompletion(text: string, cursor: number): { text: string; completion: Completion } | null {
  const [answer, setAnswer] = useState<{ text: string; completion: Completion } | null>(null);
  useEffect(() => {
    if (text.length > TEXT_AT_MOST) return;
    const abort = new AbortController();
    const timer = setTimeout(() => {
      getJson('/api/conditions/complete', { text, position: cursor }, abort.signal).then(
        (completion) => {
          setAnswer({ text, completion: completion as Completion });
        },
        () => {
          // Typing goes on without help.
        },
      );
    }, PAUSE_MS);
    return () => {
      clearTimeout(timer);
      abort.abort();
    };
  }, [text, cursor]);
  return answer;
}
