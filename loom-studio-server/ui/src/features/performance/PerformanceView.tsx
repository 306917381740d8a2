import { useMemo } from 'react';
import { fetchMetrics } from '../../data/metrics';
import { select } from '../../data/selection';
import { useAsOf } from '../../data/useAsOf';
import { setUrlState, useUrlState } from '../../data/useUrlState';
import { formatNumber } from '../../shared/i18n/format';
import { useT } from '../../shared/i18n/useT';
import { shortNode } from '../../shared/lib/nodeId';
import { clockTime, duration } from '../../shared/lib/time';
import { usePrefs } from '../../shared/prefs';
import { Button } from '../../shared/ui/Button';
import { Chart } from './Chart';
import { FigureTable } from './FigureTable';
import { LatencyChart } from './LatencyChart';
import css from './performance.module.css';
import { rates } from './series';

/** Where time and tokens went, as of the playhead: of all runs, or of the one that was entered. */
export default function PerformanceView() {
  const t = useT();
  const language = usePrefs((prefs) => prefs.language);
  const { run, session, range } = useUrlState();
  const scope = run === null ? { session_id: session ?? undefined } : { run_id: run };
  const { data, error } = useAsOf(['metrics', session, run], (at, signal) => fetchMetrics({ at, ...scope }, signal));
  const series = useMemo(() => (data?.throughput == null ? null : rates(data.throughput)), [data]);
  const values = useMemo(() => (series === null ? [] : [series.perSecond, series.errorsPerSecond]), [series]);
  const number = (value: number | null | undefined): string => (value == null ? t('performance.notReported') : formatNumber(value, language));
  const ms = (value: number | undefined): string => (value === undefined ? '—' : duration(value));
  const node = (id: string): { label: string; onClick: () => void } => ({
    label: shortNode(id),
    onClick: () => {
      select({ node: id });
    },
  });
  const ratesByNode = new Map(data?.error_rate.by_node.map((counts) => [counts.node, counts]));
  return (
    <div className={css['view']}>
      <h1 className="visually-hidden">{t('view.performance')}</h1>
      <div className={css['bar']}>
        <span>{run === null ? t('performance.scope.all') : t('performance.scope.run', { id: String(run) })}</span>
        {run !== null && (
          <Button
            onClick={() => {
              setUrlState({ run: null }, 'push');
            }}
          >
            {t('performance.allRuns')}
          </Button>
        )}
        {range !== null && (
          <Button
            icon="close"
            title={t('performance.clearRange')}
            onClick={() => {
              setUrlState({ range: null }, 'push');
            }}
          >
            {t('performance.range', { from: clockTime(range.fromUs), to: clockTime(range.toUs) })}
          </Button>
        )}
      </div>
      {error !== null && (
        <p role="alert" className={css['error']}>
          {t('performance.failed', { detail: error.message })}
        </p>
      )}
      {data !== undefined && (
        <div className={css['body']}>
          {!data.is_complete && <p className={css['note']}>{t('performance.incomplete')}</p>}
          {data.left_out > 0 && <p className={css['note']}>{t('performance.leftOut', { n: data.left_out })}</p>}
          <dl className={css['summary']}>
            {(
              [
                ['calls', number(data.error_rate.overall.answered)],
                ['failed', number(data.error_rate.overall.failed)],
                ['unanswered', number(data.error_rate.overall.unanswered)],
                ['open', number(data.error_rate.overall.open)],
                ['tokens', number(data.tokens.total?.total)],
              ] as const
            ).map(([name, value]) => (
              <div key={name} data-figure={name}>
                <dt>{t(`performance.summary.${name}`)}</dt>
                <dd>{value}</dd>
              </div>
            ))}
          </dl>
          <section aria-label={t('performance.throughput')} className={css['section']}>
            <h2>{t('performance.throughput')}</h2>
            {series === null ? (
              <p className={css['muted']}>{t('performance.noThroughput')}</p>
            ) : (
              <>
                <Chart
                  times={series.times}
                  values={values}
                  lines={[
                    { name: t('performance.events'), color: '--accent', fill: true },
                    { name: t('performance.errors'), color: '--error' },
                  ]}
                  label={t('performance.throughput')}
                  range={range}
                  onBrush={(brushed) => {
                    setUrlState({ range: brushed }, 'push');
                  }}
                />
                <p className={css['muted']}>{t('performance.brushHint')}</p>
              </>
            )}
          </section>
          <section className={css['section']} data-testid="bottlenecks">
            <h2>{t('performance.bottlenecks')}</h2>
            {data.bottlenecks.nodes.length === 0 ? (
              <p className={css['muted']}>{t('performance.noBottlenecks')}</p>
            ) : (
              <>
                <p className={css['muted']}>{t('performance.bottlenecksHint', { n: data.bottlenecks.runs })}</p>
                <FigureTable
                  label={t('performance.bottlenecks')}
                  columns={['node', 'share', 'critical', 'inVain', 'calls'].map((name) => t(`performance.col.${name as 'node'}`))}
                  rows={data.bottlenecks.nodes.map((item) => ({
                    key: item.node,
                    first: node(item.node),
                    share: item.share,
                    cells: [`${String(Math.round(item.share * 1000) / 10)} %`, duration(item.critical_nanos / 1e6), item.in_vain_nanos === 0 ? '—' : duration(item.in_vain_nanos / 1e6), number(item.calls)],
                  }))}
                />
              </>
            )}
          </section>
          <section className={css['section']} data-testid="latencies">
            <h2>{t('performance.latency')}</h2>
            <LatencyChart range={range} />
            <FigureTable
              label={`${t('performance.latency')} ${t('performance.byNode')}`}
              columns={['node', 'count', 'p50', 'p95', 'p99', 'failed', 'rate'].map((name) => t(`performance.col.${name as 'node'}`))}
              rows={data.response_times.by_node.map(({ node: id, count, latency_ms: latency }) => {
                const counts = ratesByNode.get(id);
                return {
                  key: id,
                  first: node(id),
                  cells: [number(count), ms(latency?.p50), ms(latency?.p95), ms(latency?.p99), number(counts?.failed ?? 0), counts?.rate == null ? '—' : `${String(Math.round(counts.rate * 1000) / 10)} %`],
                };
              })}
            />
            {data.response_times.by_model.length > 0 && (
              <FigureTable
                label={`${t('performance.latency')} ${t('performance.byModel')}`}
                columns={['model', 'count', 'p50', 'p95', 'p99'].map((name) => t(`performance.col.${name as 'model'}`))}
                rows={data.response_times.by_model.map(({ model, count, latency_ms: latency }) => ({
                  key: model ?? '',
                  first: { label: model ?? t('performance.notReported') },
                  cells: [number(count), ms(latency?.p50), ms(latency?.p95), ms(latency?.p99)],
                }))}
              />
            )}
          </section>
          <section className={css['section']} data-testid="tokens">
            <h2>{t('performance.tokens')}</h2>
            {data.tokens.total === null || data.tokens.by_node.length === 0 ? (
              <p className={css['muted']}>{t('performance.noTokens')}</p>
            ) : (
              (['node', 'model'] as const).map((by) => {
                const named = by === 'node' ? data.tokens.by_node.map((item) => ({ ...item, name: item.node })) : data.tokens.by_model.map((item) => ({ ...item, name: item.model ?? t('performance.notReported') }));
                const items = named.sort((a, b) => (b.total ?? 0) - (a.total ?? 0));
                const most = items.reduce((highest, { total }) => Math.max(highest, total ?? 0), 1);
                return (
                  <FigureTable
                    key={by}
                    label={`${t('performance.tokens')} ${t(by === 'node' ? 'performance.byNode' : 'performance.byModel')}`}
                    columns={[by, 'total', 'input', 'cached', 'output', 'reasoning'].map((name) => t(`performance.col.${name as 'total'}`))}
                    rows={items.map(({ name, total, input, cached, output, reasoning }) => ({
                      key: name,
                      first: by === 'node' ? node(name) : { label: name },
                      share: (total ?? 0) / most,
                      cells: [total, input, cached, output, reasoning].map(number),
                    }))}
                  />
                );
              })
            )}
          </section>
        </div>
      )}
    </div>
  );
}
