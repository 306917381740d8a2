import { useState } from 'react';
import { fetchRuns, type RunStatus } from '../../data/runs';
import { useAsOf } from '../../data/useAsOf';
import { setUrlState, useUrlState } from '../../data/useUrlState';
import { useT } from '../../shared/i18n/useT';
import { RunDetailPane } from './RunDetailPane';
import { RunList, type RunOrder } from './RunList';
import css from './runs.module.css';

const LIMIT = 1000;

/** The runs up to the playhead, and the calls of the one that was entered. */
export default function RunsView() {
  const t = useT();
  const { run, session } = useUrlState();
  const [status, setStatus] = useState<RunStatus | null>(null);
  const [order, setOrder] = useState<RunOrder>('-seq');
  const { data, error } = useAsOf(['runs', session, status, order], (at, signal) =>
    fetchRuns({ at, session_id: session ?? undefined, status: status ?? undefined, order, limit: LIMIT }, signal),
  );
  return (
    <div className={css['view']}>
      <h1 className="visually-hidden">{t('view.runs')}</h1>
      {error !== null && (
        <p role="alert" className={css['error']}>
          {t('runs.failed', { detail: error.message })}
        </p>
      )}
      <div className={css['columns']} data-entered={run !== null}>
        <RunList
          page={data}
          chosen={run}
          status={status}
          order={order}
          onStatus={setStatus}
          onOrder={setOrder}
          onChoose={(id) => {
            setUrlState({ run: id }, 'push');
          }}
        />
        {run === null ? <p className={css['choose']}>{t('runs.choose')}</p> : <RunDetailPane key={run} id={run} />}
      </div>
    </div>
  );
}
