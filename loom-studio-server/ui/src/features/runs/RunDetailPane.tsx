import { useMemo, useState } from 'react';
import { fetchRun } from '../../data/runs';
import { select } from '../../data/selection';
import { useAsOf } from '../../data/useAsOf';
import { setUrlState } from '../../data/useUrlState';
import { useT } from '../../shared/i18n/useT';
import { shortNode } from '../../shared/lib/nodeId';
import { duration, localDateTime } from '../../shared/lib/time';
import { Button, IconButton } from '../../shared/ui/Button';
import { callTree } from './callTree';
import css from './runs.module.css';
import { RunStatusSign } from './signs';
import { Waterfall } from './Waterfall';
import { WhyFailed, WhySlow } from './Why';

type Why = 'failed' | 'slow';

/** One run: what it came to, why, and its calls. */
export function RunDetailPane({ id }: { id: number }) {
  const t = useT();
  const [why, setWhy] = useState<Why | null>(null);
  const { data, error } = useAsOf(['run', id], (at, signal) => fetchRun(id, at, signal));
  const tree = useMemo(() => (data === undefined ? null : callTree(data.calls, data.roots)), [data]);
  const open = (seq: number): void => {
    select({ seq });
  };
  return (
    <section aria-label={t('runs.title', { id: String(id) })} className={css['detail']}>
      <header className={css['head']}>
        <h2>{t('runs.title', { id: String(id) })}</h2>
        {data !== undefined && (
          <>
            <RunStatusSign status={data.run.status} />
            <span>{`${shortNode(data.run.root.from)} → ${shortNode(data.run.root.node)}`}</span>
            <span className={css['muted']}>
              {`${localDateTime(Date.parse(data.run.start) * 1000)} · ${duration(data.run.duration_ms)} · `}
              {data.run.tokens?.total != null ? t('runs.tokens', { n: data.run.tokens.total }) : t('runs.notReported')}
            </span>
          </>
        )}
        <span className={css['spacer']} />
        {data?.failure != null && (
          <Button icon="error" aria-pressed={why === 'failed'} onClick={() => { setWhy(why === 'failed' ? null : 'failed'); }}>
            {t('runs.whyFailed')}
          </Button>
        )}
        <Button aria-pressed={why === 'slow'} onClick={() => { setWhy(why === 'slow' ? null : 'slow'); }}>
          {t('runs.whySlow')}
        </Button>
        <IconButton icon="close" look="quiet" label={t('runs.leave')} onClick={() => { setUrlState({ run: null }, 'push'); }} />
      </header>
      {error !== null && (
        <p role="alert" className={css['error']}>
          {t('runs.failed', { detail: error.message })}
        </p>
      )}
      {data !== undefined && tree !== null && (
        <>
          {why === 'failed' && data.failure !== null && <WhyFailed failure={data.failure} onOpen={open} />}
          {why === 'slow' && <WhySlow detail={data} onOpen={open} />}
          {data.unplaced.length > 0 && <p className={css['note']}>{t('runs.unplaced', { n: data.unplaced.length })}</p>}
          {data.deleted_records > 0 && <p className={css['note']}>{t('runs.deleted', { n: data.deleted_records })}</p>}
          <Waterfall detail={data} tree={tree} onOpen={open} />
        </>
      )}
    </section>
  );
}
