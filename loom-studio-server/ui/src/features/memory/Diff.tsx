import type { MemoryChange } from '../../data/memory';
import { useT } from '../../shared/i18n/useT';
import { shortNode } from '../../shared/lib/nodeId';
import { SeqLink } from '../../shared/ui/SeqLink';
import css from './memory.module.css';
import { tierLabel } from './tierLabel';

const SIGN = { added: '+', moved: '→', evicted: '−' } as const;

interface DiffProps {
  changes: MemoryChange[];
  total: number;
  from: number;
  to: number;
  onOpen: (seq: number) => void;
}

/** What changed between two positions, and which event of which node did it. */
export function Diff({ changes, total, from, to, onOpen }: DiffProps) {
  const t = useT();
  return (
    <section aria-label={t('memory.diff', { from: String(from), to: String(to) })} className={css['diff']} data-testid="memory-diff">
      <h2>{t('memory.diff', { from: String(from), to: String(to) })}</h2>
      {changes.length === 0 && <p className={css['muted']}>{t('memory.diffNone')}</p>}
      <ul>
        {changes.map((change, index) => (
          <li key={`${change.entry.entry_id} ${String(index)}`} data-kind={change.kind}>
            <span aria-hidden="true" className={css['sign']}>
              {SIGN[change.kind]}
            </span>
            <span className={css['kind']}>{t(`memory.diff.${change.kind}`)}</span>
            <code>{change.entry.entry_id}</code>
            <span className={css['muted']}>
              {tierLabel(t, change.kind === 'moved' ? change.from : change.entry.tier)}
              {change.kind === 'moved' && ` → ${tierLabel(t, change.entry.tier)}`}
              {change.kind === 'evicted' && change.into !== null && ` → ${change.into}`}
              {change.kind === 'evicted' && change.reason !== null && ` · ${change.reason}`}
            </span>
            <SeqLink seq={change.cause.seq} onOpen={onOpen}>
              {change.is_exact
                ? t('memory.diffBy', { node: shortNode(change.cause.node), seq: String(change.cause.seq) })
                : t('memory.diffAbout', { seq: String(change.cause.seq) })}
            </SeqLink>
          </li>
        ))}
      </ul>
      {changes.length < total && <p className={css['muted']}>{t('memory.diffCapped', { n: changes.length, total })}</p>}
    </section>
  );
}
