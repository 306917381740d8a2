import { useEffect, useRef, useState } from 'react';
import { dataClient } from '../../data/client';
import { useConnection } from '../../data/connectionStore';
import type { ExtentMessage, TimelineMessage } from '../../data/messages';
import { onScreen, type TimeAxis } from '../../data/timeAxis';
import type { Window } from './viewport';

const EXTENT_EVERY_MS = 500;
const MARKS_AT_MOST = 6000;

/** From when to when events are held, and which lanes there are, anew at most twice a second. */
export function useExtent(): ExtentMessage | null {
  const [extent, setExtent] = useState<ExtentMessage | null>(null);
  useEffect(() => {
    let isCurrent = true;
    let timer: ReturnType<typeof setTimeout> | undefined;
    let seen = -1;
    const ask = (): void => {
      const { headSeq, held } = useConnection.getState();
      if (headSeq + held === seen || timer !== undefined) return;
      seen = headSeq + held;
      timer = setTimeout(() => {
        timer = undefined;
        ask();
      }, EXTENT_EVERY_MS);
      void dataClient()
        .extent()
        .then((answer) => {
          if (isCurrent) setExtent(answer);
        });
    };
    ask();
    const unsubscribe = useConnection.subscribe(ask);
    return () => {
      isCurrent = false;
      clearTimeout(timer);
      unsubscribe();
    };
  }, []);
  return extent;
}

export interface Drawn {
  data: TimelineMessage;
  /** What was asked for. */
  window: Window;
  lanes: readonly string[];
}

/** What a window shows. One question is on its way at a time; what changes meanwhile is asked for when the answer is there. */
export function useDrawn(axis: TimeAxis | null, window: Window, width: number, lanes: readonly string[], version: unknown): Drawn | null {
  const [drawn, setDrawn] = useState<Drawn | null>(null);
  const wanted = useRef<(() => Promise<Drawn>) | null>(null);
  const isAsking = useRef(false);
  const isMounted = useRef(true);
  useEffect(() => {
    isMounted.current = true;
    return () => {
      isMounted.current = false;
    };
  }, []);
  const key = lanes.join('\n');
  useEffect(() => {
    if (axis === null || width < 1) return;
    const names = key === '' ? [] : key.split('\n');
    wanted.current = async () => {
      const data = await dataClient().timeline({ pieces: onScreen(axis, window.from, window.to, width), width, lanes: names, marksAtMost: MARKS_AT_MOST });
      return { data, window: { from: window.from, to: window.to }, lanes: names };
    };
    const ask = async (): Promise<void> => {
      if (isAsking.current) return;
      isAsking.current = true;
      for (let next = wanted.current; next !== null; next = wanted.current) {
        wanted.current = null;
        const answer = await next();
        if (isMounted.current) setDrawn(answer);
      }
      isAsking.current = false;
    };
    void ask();
  }, [axis, window.from, window.to, width, key, version]);
  return drawn;
}
