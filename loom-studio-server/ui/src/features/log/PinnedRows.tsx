import { setPinned, type PinnedEvent } from '../../data/logStore';
import { useT } from '../../shared/i18n/useT';
import { clockTime, localDateTime } from '../../shared/lib/time';
import { Button, IconButton } from '../../shared/ui/Button';
import css from './log.module.css';
import { OutcomeSign, Route } from './LogRow';

interface PinnedRowsProps {
  epoch: string;
  events: PinnedEvent[];
  cursor: number | null;
  onOpen: (seq: number) => void;
}

/** Events that stay at the top, whatever the filter and wherever the list is. */
export function PinnedRows({ epoch, events, cursor, onOpen }: PinnedRowsProps) {
  const t = useT();
  if (events.length === 0) return null;
  return (
    <section aria-label={t('log.pinned')} className={css['pinned']}>
      <ul>
        {events.map(({ seq, timeUs, kind, source, target, outcome }) => (
          <li key={seq} data-selected={seq === cursor}>
            <IconButton
              icon="close"
              look="quiet"
              label={t('log.unpin', { seq: String(seq) })}
              onClick={() => {
                setPinned(epoch, events.filter((event) => event.seq !== seq));
              }}
            />
            <button type="button" className={css['pinnedEvent']} onClick={() => { onOpen(seq); }}>
              <span className={css['seq']}>{`#${String(seq)}`}</span>
              <span className={css['time']} title={localDateTime(timeUs)}>{clockTime(timeUs)}</span>
              <span className={css['type']}>{kind}</span>
              <span>
                <Route source={source} target={target} />
              </span>
              <span className={css['outcome']}>
                <OutcomeSign outcome={outcome} />
              </span>
            </button>
          </li>
        ))}
      </ul>
      {events.length > 1 && (
        <Button look="link" onClick={() => { setPinned(epoch, []); }}>
          {t('log.unpinAll')}
        </Button>
      )}
    </section>
  );
}
