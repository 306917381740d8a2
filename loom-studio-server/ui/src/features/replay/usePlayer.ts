import { useCallback, useEffect, useRef, useState } from 'react';
import { fetchFirst } from '../../data/api';
import { anyOf, useBreakpoints } from '../../data/breakpoints';
import { useConnection } from '../../data/connectionStore';
import { eventBeside, movePlayhead, newestShown, type Place } from '../../data/playhead';
import { waitMs } from './player';

/** Events that follow within a frame are stepped over together. */
const FRAME_MS = 16;

export interface Player {
  playing: boolean;
  play: () => void;
  pause: () => void;
  /** What ended the last play. */
  stopped: { seq: number } | { error: string } | null;
}

/** Moves the playhead through the log at the pace it was recorded, up to a breakpoint or the head. */
export function usePlayer(at: number | null, speed: number): Player {
  const [playing, setPlaying] = useState(false);
  const [stopped, setStopped] = useState<Player['stopped']>(null);
  const latest = useRef({ at, speed });
  useEffect(() => {
    latest.current = { at, speed };
  }, [at, speed]);
  const list = useBreakpoints((state) => state.list);

  useEffect(() => {
    if (!playing) return undefined;
    const abort = new AbortController();
    let timer: ReturnType<typeof setTimeout> | undefined;
    const wait = (ms: number): Promise<void> =>
      new Promise((resolve) => {
        timer = setTimeout(resolve, ms);
      });
    const run = async (): Promise<void> => {
      const start = latest.current.at ?? Math.max(0, useConnection.getState().serverFirstSeq - 1);
      const where = anyOf(list);
      const stop = where === null ? null : (await fetchFirst({ where, direction: 'forward', from_seq: start + 1 }, abort.signal)).event;
      let here: Place | null = null;
      let seq = start;
      while (!abort.signal.aborted) {
        let next: Place | null = null;
        let left = FRAME_MS;
        // As many events as the time of one frame holds.
        do {
          const beside: Place | null = await eventBeside(seq, 1);
          if (beside === null) break;
          left -= here === null ? FRAME_MS : waitMs(here.timeUs, beside.timeUs, latest.current.speed);
          next = beside;
          here = beside;
          seq = beside.seq;
        } while (left > 0 && seq !== stop?.seq);
        if (abort.signal.aborted) return;
        if (next === null) {
          movePlayhead(seq >= newestShown() ? null : seq);
          setPlaying(false);
          return;
        }
        await wait(FRAME_MS - left);
        if (abort.signal.aborted) return;
        movePlayhead(seq);
        if (seq === stop?.seq) {
          setStopped({ seq });
          setPlaying(false);
          return;
        }
      }
    };
    run().catch((error: unknown) => {
      if (abort.signal.aborted) return;
      setStopped({ error: error instanceof Error ? error.message : String(error) });
      setPlaying(false);
    });
    return () => {
      abort.abort();
      clearTimeout(timer);
    };
    // A changed list of breakpoints starts the search for the next one anew, from where the playhead is.
  }, [playing, list]);

  const play = useCallback(() => {
    setStopped(null);
    setPlaying(true);
  }, []);
  const pause = useCallback(() => {
    // Whoever moves the playhead by hand is told about that, not about how the last play ended.
    setStopped(null);
    setPlaying(false);
  }, []);
  return { playing, play, pause, stopped };
}
