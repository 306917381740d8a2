import { fetchMetrics } from '../../data/metrics';
import { fetchRuns } from '../../data/runs';
import { useAsOf } from '../../data/useAsOf';
import { setUrlState, useUrlState } from '../../data/useUrlState';
import { useT } from '../../shared/i18n/useT';
import { duration, latencies } from '../../shared/lib/time';
import { Button } from '../../shared/ui/Button';
import { Fact } from './Fact';
import css from './nodeInspector.module.css';

const RUNS_AT_MOST = 5;

/** How long a node takes, what it used, and the newest runs it called or was called in first; as of the playhead. */
export function NodeActivity({ id }: { id: string }) {
  const t = useT();
  const { session } = useUrlState();
  const asked = { session_id: session ?? undefined, node_id: id };
  const { data: metrics } = useAsOf(['node-metrics', session, id], (at, signal) => fetchMetrics({ at, ...asked }, signal));
  const { data: runs } = useAsOf(['node-runs', session, id], (at, signal) => fetchRuns({ at, ...asked, limit: RUNS_AT_MOST }, signal));
  const times = metrics?.response_times.by_node.find(({ node }) => node === id)?.latency_ms ?? null;
  const tokens = metrics?.tokens.by_node.find(({ node }) => node === id) ?? null;
  return (
    <>
      {(times !== null || tokens !== null) && (
        <dl className={css['facts']}>
          {times !== null && <Fact label={t('nodeInspector.latency')}>{latencies(times)}</Fact>}
          {tokens !== null && (
            <Fact label={t('nodeInspector.tokens')}>{`${count(tokens.input)} / ${count(tokens.output)}`}</Fact>
          )}
        </dl>
      )}
      {runs !== undefined && runs.runs.length > 0 && (
        <section>
          <h3>{t('nodeInspector.runs')}</h3>
          <ul>
            {runs.runs.map((run) => (
              <li key={run.id}>
                <Button
                  look="link"
                  onClick={() => {
                    setUrlState({ run: run.id, view: 'runs', beside: null }, 'push');
                  }}
                >
                  {`#${String(run.id)}`}
                </Button>
                <span className={css['muted']}>{` ${t(`runs.status.${run.status}`)} · ${duration(run.duration_ms)}`}</span>
              </li>
            ))}
          </ul>
        </section>
      )}
    </>
  );
}

/** What wasn't reported is no zero. */
function count(value: number | null): string {
  return value === null ? '—' : value.toLocaleString('en-US').replaceAll(',', ' ');
}
