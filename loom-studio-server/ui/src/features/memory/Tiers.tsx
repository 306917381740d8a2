import type { Memory, MemoryEntry } from '../../data/memory';
import { useT } from '../../shared/i18n/useT';
import { SeqLink } from '../../shared/ui/SeqLink';
import { Content } from './Content';
import css from './memory.module.css';
import { tierLabel, tierOrder } from './tierLabel';

/** The tiers side by side, each with its entries in the order recorded. */
export function Tiers({ memory, onOpen }: { memory: Memory; onOpen: (seq: number) => void }) {
  const t = useT();
  const tiers = tierOrder(Object.keys(memory.tiers));
  return (
    <div className={css['tiers']}>
      {tiers.map((tier) => {
        const facts = memory.tiers[tier];
        const reported = Object.keys(facts?.reported ?? {}).filter((name) => name !== tier);
        return (
          <section key={tier} className={css['tier']} aria-label={tierLabel(t, tier)} data-tier={tier}>
            <h2>
              {tierLabel(t, tier)} <span className={css['muted']}>{t('memory.entries', { n: facts?.entries ?? 0 })}</span>
            </h2>
            {reported.length > 0 && <p className={css['muted']}>{t('memory.reportedAs', { tiers: reported.join(', ') })}</p>}
            <ol>
              {memory.memory
                .filter((entry) => entry.tier === tier)
                .map((entry) => (
                  <Entry key={entry.entry_id} entry={entry} onOpen={onOpen} />
                ))}
            </ol>
          </section>
        );
      })}
    </div>
  );
}

function Entry({ entry, onOpen }: { entry: MemoryEntry; onOpen: (seq: number) => void }) {
  const t = useT();
  return (
    <li className={css['entry']} data-entry={entry.entry_id}>
      <p className={css['facts']}>
        {entry.role !== null && <strong>{entry.role}</strong>}
        <Importance value={entry.importance} />
        <SeqLink seq={entry.seq} onOpen={onOpen}>
          {t('memory.writtenBy', { seq: String(entry.seq) })}
        </SeqLink>
        {entry.changed.seq !== entry.seq && (
          <SeqLink seq={entry.changed.seq} onOpen={onOpen}>
            {t('memory.changedBy', { seq: String(entry.changed.seq) })}
          </SeqLink>
        )}
        {entry.sources !== null && (
          <span className={css['chip']} title={t('memory.madeOfHint', { ids: entry.sources.join(', ') })}>
            {t('memory.madeOf', { n: entry.sources.length })}
          </span>
        )}
      </p>
      <Content entry={entry} />
    </li>
  );
}

/** Importance from 0 to 1 as a bar, its number beside it. */
export function Importance({ value }: { value: number | null }) {
  const t = useT();
  if (value === null) return <span className={css['muted']} title={t('memory.noImportance')}>—</span>;
  const share = Math.min(1, Math.max(0, value));
  return (
    <span className={css['importance']} title={t('memory.importance', { value })}>
      <span aria-hidden="true" className={css['meter']}>
        <span style={{ width: `${String(share * 100)}%` }} />
      </span>
      {String(value)}
    </span>
  );
}
