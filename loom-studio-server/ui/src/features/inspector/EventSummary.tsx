import { useMemo } from 'react';
import type { EventDetail } from '../../data/types';
import { useT } from '../../shared/i18n/useT';
import { Icon } from '../../shared/ui/Icon';
import { Readable } from '../../shared/ui/Readable';
import css from './inspector.module.css';
import { summaryOf } from './summary';

/** What an event says, to be read. Events that say nothing of the kind have none. */
export function EventSummary({ event }: { event: EventDetail['event'] }) {
  const t = useT();
  const { facts, parts } = useMemo(() => summaryOf(event), [event]);
  if (parts.length === 0 && facts.length === 0) return null;
  return (
    <section aria-label={t('summary.label')} data-testid="summary">
      {facts.length > 0 && (
        <p className={css['muted']}>
          {facts.map(({ name, text }) => `${t(`summary.${name}`)}: ${text}`).join(' · ')}
        </p>
      )}
      {parts.map(({ name, value }) => (
        <div key={name} className={css['part']} data-part={name}>
          <h3>
            {name === 'error' && <Icon name="error" size={12} />} {t(`summary.${name}`)}
          </h3>
          <Readable value={value} label={t(`summary.${name}`)} />
        </div>
      ))}
    </section>
  );
}
