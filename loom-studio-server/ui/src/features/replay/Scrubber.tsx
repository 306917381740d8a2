import { useEffect, useState } from 'react';
import { dataClient } from '../../data/client';
import { useConnection } from '../../data/connectionStore';
import { useT } from '../../shared/i18n/useT';
import css from './replay.module.css';

const PARTS = 240;
const REFRESH_MS = 1000;
const HEIGHT = 18;

interface Bars {
  events: string;
  errors: string;
}

/** Bars over the parts, as one path; the tallest reaches the top. */
export function barsPath(counts: Uint32Array, highest: number): string {
  let path = '';
  counts.forEach((count, part) => {
    if (count > 0) path += `M${String(part)} ${String(HEIGHT)}v${(-Math.max(2, (count / highest) * HEIGHT)).toFixed(1)}`;
  });
  return path;
}

/** The whole log as a strip: where the playhead is, how many events lie where, and which are errors. */
export function Scrubber({ at, onMove }: { at: number | null; onMove: (seq: number | null) => void }) {
  const t = useT();
  const head = useConnection((status) => status.headSeq);
  const first = useConnection((status) => Math.max(1, status.serverFirstSeq));
  const [bars, setBars] = useState<Bars>({ events: '', errors: '' });
  useEffect(() => {
    let isCurrent = true;
    const refresh = (): void => {
      const { headSeq, serverFirstSeq } = useConnection.getState();
      const from = Math.max(1, serverFirstSeq);
      if (document.hidden || headSeq < from) return;
      void dataClient()
        .overview(from, headSeq, PARTS)
        .then(({ events, errors }) => {
          if (!isCurrent) return;
          const highest = events.reduce((a, b) => Math.max(a, b), 1);
          setBars({ events: barsPath(events, highest), errors: barsPath(errors, highest) });
        });
    };
    refresh();
    const timer = setInterval(refresh, REFRESH_MS);
    return () => {
      isCurrent = false;
      clearInterval(timer);
    };
  }, []);
  const shown = at === null ? head : Math.min(at, head);
  return (
    <div className={css['scrubber']}>
      <svg viewBox={`0 0 ${String(PARTS)} ${String(HEIGHT)}`} preserveAspectRatio="none" aria-hidden="true" className={css['strip']}>
        <path d={bars.events} className={css['bars']} />
        <path d={bars.errors} className={css['errorBars']} />
      </svg>
      <input
        type="range"
        className={css['range']}
        aria-label={t('replay.scrub')}
        aria-valuetext={at === null ? t('replay.atHead', { head: String(head) }) : t('replay.position', { seq: String(at), head: String(head) })}
        min={first}
        max={Math.max(first, head)}
        value={Math.max(first, shown)}
        onChange={(event) => {
          const seq = Number(event.target.value);
          onMove(seq >= head ? null : seq);
        }}
      />
    </div>
  );
}
