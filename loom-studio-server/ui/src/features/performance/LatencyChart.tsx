import { useEffect, useMemo, useState } from 'react';
import { dataClient } from '../../data/client';
import type { LatenciesMessage } from '../../data/messages';
import { useHeadTick } from '../../data/useAsOf';
import { setUrlState } from '../../data/useUrlState';
import { useT } from '../../shared/i18n/useT';
import { Chart } from './Chart';
import css from './performance.module.css';

const PARTS = 120;

/** How long calls took, over time. */
export function LatencyChart({ range }: { range: { fromUs: number; toUs: number } | null }) {
  const t = useT();
  const head = useHeadTick();
  const [found, setFound] = useState<LatenciesMessage | null>(null);
  useEffect(() => {
    let isCurrent = true;
    void dataClient()
      .latencies(PARTS)
      .then((answer) => {
        if (isCurrent) setFound(answer);
      });
    return () => {
      isCurrent = false;
    };
  }, [head]);
  const times = useMemo(() => [...(found?.timesUs ?? [])].map((us) => us / 1e6), [found]);
  const values = useMemo(() => [found?.p50, found?.p95, found?.p99].map((list) => [...(list ?? [])].map((ms) => (Number.isNaN(ms) ? null : ms))), [found]);
  if (found === null || values[0]?.every((value) => value === null) === true) return null;
  return (
    <>
      <Chart
        times={times}
        values={values}
        lines={[
          { name: 'p50', color: '--accent' },
          { name: 'p95', color: '--warn' },
          { name: 'p99', color: '--error' },
        ]}
        label={t('performance.overTime')}
        range={range}
        onBrush={(brushed) => {
          setUrlState({ range: brushed }, 'push');
        }}
      />
      <p className={css['muted']}>
        {t('performance.overTime')}. {t('performance.overTimeHint')}
      </p>
    </>
  );
}
