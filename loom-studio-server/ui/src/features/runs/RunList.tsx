import { useVirtualizer } from '@tanstack/react-virtual';
import { useRef } from 'react';
import { RUN_STATUSES, type Run, type RunsPage, type RunStatus } from '../../data/runs';
import { useT } from '../../shared/i18n/useT';
import { shortNode } from '../../shared/lib/nodeId';
import { clockTime, duration } from '../../shared/lib/time';
import controls from '../../shared/ui/controls.module.css';
import css from './runs.module.css';
import { RunStatusSign } from './signs';

const ROW_HEIGHT = 52;
const BARS = 120;

export type RunOrder = '-seq' | '-duration';

interface RunListProps {
  page: RunsPage | undefined;
  chosen: number | null;
  status: RunStatus | null;
  order: RunOrder;
  onStatus: (status: RunStatus | null) => void;
  onOrder: (order: RunOrder) => void;
  onChoose: (id: number) => void;
}

export function RunList({ page, chosen, status, order, onStatus, onOrder, onChoose }: RunListProps) {
  const t = useT();
  const scroller = useRef<HTMLDivElement>(null);
  const runs = page?.runs ?? [];
  const virtualizer = useVirtualizer({ count: runs.length, getScrollElement: () => scroller.current, estimateSize: () => ROW_HEIGHT, overscan: 6 });
  return (
    <section aria-label={t('runs.list')} className={css['list']}>
      <div className={css['listBar']}>
        <select
          className={controls['select']}
          aria-label={t('runs.status')}
          value={status ?? ''}
          onChange={(event) => {
            onStatus(event.target.value === '' ? null : (event.target.value as RunStatus));
          }}
        >
          <option value="">{`${t('runs.status')}: ${t('runs.all')}`}</option>
          {RUN_STATUSES.map((name) => (
            <option key={name} value={name}>
              {t(`runs.status.${name}`)}
            </option>
          ))}
        </select>
        <select
          className={controls['select']}
          aria-label={t('runs.order')}
          value={order}
          onChange={(event) => {
            onOrder(event.target.value as RunOrder);
          }}
        >
          <option value="-seq">{t('runs.order.newest')}</option>
          <option value="-duration">{t('runs.order.longest')}</option>
        </select>
        {page !== undefined && (
          <span className={css['muted']} data-testid="run-count">
            {t('runs.total', { n: page.total })}
          </span>
        )}
      </div>
      <Durations runs={order === '-seq' ? runs : []} />
      <div ref={scroller} className={css['scroller']}>
        {page !== undefined && runs.length === 0 && <p className={css['none']}>{t(status === null ? 'runs.none' : 'runs.noneOf')}</p>}
        <ul style={{ height: virtualizer.getTotalSize() }} className={css['rows']}>
          {virtualizer.getVirtualItems().map(({ index, start }) => {
            const run = runs[index];
            return (
              run !== undefined && (
                <li key={run.id} style={{ transform: `translateY(${String(start)}px)` }} className={css['row']} aria-setsize={runs.length} aria-posinset={index + 1}>
                  <RunButton run={run} isChosen={run.id === chosen} onChoose={onChoose} />
                </li>
              )
            );
          })}
        </ul>
      </div>
    </section>
  );
}

function RunButton({ run, isChosen, onChoose }: { run: Run; isChosen: boolean; onChoose: (id: number) => void }) {
  const t = useT();
  return (
    <button
      type="button"
      className={css['run']}
      aria-pressed={isChosen}
      data-run={run.id}
      onClick={() => {
        onChoose(run.id);
      }}
    >
      <span className={css['runTop']}>
        <RunStatusSign status={run.status} />
        <span className={css['name']}>{shortNode(run.root.node)}</span>
        <span className={css['duration']}>{duration(run.duration_ms)}</span>
      </span>
      <span className={css['runFacts']}>
        {`#${String(run.id)} · ${clockTime(Date.parse(run.start) * 1000)} · ${t('runs.facts', { calls: run.calls, events: run.events })}`}
        {run.errors > 0 && ` · ${t('runs.errors', { n: run.errors })}`}
        {run.tokens?.total != null && ` · ${t('runs.tokens', { n: run.tokens.total })}`}
      </span>
    </button>
  );
}

/** How long the newest runs took, as bars. */
function Durations({ runs }: { runs: readonly Run[] }) {
  const t = useT();
  const shown = runs.slice(0, BARS).toReversed();
  const longest = shown.reduce((most, { duration_ms: ms }) => Math.max(most, ms), 1);
  if (shown.length < 2) return null;
  return (
    <svg role="img" aria-label={t('runs.durations')} viewBox={`0 0 ${String(shown.length)} 24`} preserveAspectRatio="none" className={css['durations']}>
      {shown.map((run, index) => {
        const height = Math.max(1, (run.duration_ms / longest) * 24);
        return <rect key={run.id} x={index + 0.1} width={0.8} y={24 - height} height={height} data-status={run.status} />;
      })}
    </svg>
  );
}
