import type { Memory } from '../../data/memory';
import { useT } from '../../shared/i18n/useT';
import { SeqLink } from '../../shared/ui/SeqLink';
import css from './memory.module.css';

const SHOWN = 50;
const ROW = 22;

/** Which entries were merged into which, and what else happened to entries: the newest first. */
export function Flow({ memory, onOpen }: { memory: Memory; onOpen: (seq: number) => void }) {
  const t = useT();
  const history = memory.history.toReversed().slice(0, SHOWN);
  const merges = history.filter((event) => event.kind === 'consolidated');
  const others = history.filter((event) => event.kind !== 'consolidated');
  return (
    <section aria-label={t('memory.flow')} className={css['flow']}>
      <h2>
        {t('memory.flow')} <span className={css['muted']}>{t('memory.flowHint')}</span>
      </h2>
      {merges.length === 0 && <p className={css['muted']}>{t('memory.flowNone')}</p>}
      <ul>
        {merges.map((merge) => (
          <li key={merge.seq} className={css['merge']}>
            <ul className={css['sources']}>
              {merge.sources.map((id) => (
                <li key={id} title={id}>
                  {id}
                </li>
              ))}
            </ul>
            <Strands count={merge.sources.length} />
            <span className={css['into']} title={merge.into ?? ''}>
              {merge.into ?? '—'}
            </span>
            <SeqLink seq={merge.seq} onOpen={onOpen} />
          </li>
        ))}
      </ul>
      {others.length > 0 && (
        <>
          <h3>{t('memory.history')}</h3>
          <ul className={css['history']}>
            {others.map((event, index) => (
              <li key={`${String(event.seq)} ${String(index)}`}>
                <SeqLink seq={event.seq} onOpen={onOpen} />{' '}
                {'entry_id' in event && <code>{event.entry_id}</code>}{' '}
                {event.kind === 'promoted'
                  ? t('memory.history.promoted', { from: event.from, to: event.to })
                  : event.kind === 'cleared' || event.kind === 'evicted'
                    ? t(`memory.history.${event.kind}`)
                    : t('memory.history.rewritten')}
              </li>
            ))}
          </ul>
        </>
      )}
      {memory.history_dropped > 0 && <p className={css['muted']}>{t('memory.historyDropped', { n: memory.history_dropped })}</p>}
      {memory.faults.length > 0 && (
        <>
          <h3>{t('memory.faults')}</h3>
          <ul className={css['history']}>
            {memory.faults.map((fault) => (
              <li key={`${String(fault.seq)} ${String(fault.index)}`}>
                <SeqLink seq={fault.seq} onOpen={onOpen} /> <code>{fault.reason}</code>
              </li>
            ))}
          </ul>
        </>
      )}
    </section>
  );
}

/** A line from each source to the middle of the right side, where the entry stands that was made of them. */
function Strands({ count }: { count: number }) {
  const height = Math.max(1, count) * ROW;
  const end = height / 2;
  return (
    <svg width="64" height={height} viewBox={`0 0 64 ${String(height)}`} aria-hidden="true" className={css['strands']}>
      {Array.from({ length: count }, (_, at) => {
        const start = at * ROW + ROW / 2;
        return <path key={at} d={`M0 ${String(start)}C32 ${String(start)} 32 ${String(end)} 58 ${String(end)}`} />;
      })}
      <path d={`M56 ${String(end - 4)}L63 ${String(end)}L56 ${String(end + 4)}`} />
    </svg>
  );
}
