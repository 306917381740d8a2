import type { StateChange } from '../../data/memory';
import { useT } from '../../shared/i18n/useT';
import { shortNode } from '../../shared/lib/nodeId';
import { SeqLink } from '../../shared/ui/SeqLink';
import { valueText } from '../../shared/ui/jsonRows';
import css from './state.module.css';

const LONGEST = 400;

interface StateDiffProps {
  changes: StateChange[];
  total: number;
  from: number;
  to: number;
  onOpen: (seq: number) => void;
}

function short(value: unknown): string {
  const text = valueText(value);
  return text.length > LONGEST ? `${text.slice(0, LONGEST)}…` : text;
}

/** What differs between two positions, and which event of which node made it so. */
export function StateDiff({ changes, total, from, to, onOpen }: StateDiffProps) {
  const t = useT();
  return (
    <section data-testid="state-diff">
      <h2>{t('state.diff', { from: String(from), to: String(to) })}</h2>
      {changes.length === 0 ? (
        <p className={css['muted']}>{t('state.diffNone')}</p>
      ) : (
        <table className={css['diff']}>
          <thead>
            <tr>
              {(['path', 'before', 'after', 'cause'] as const).map((name) => (
                <th key={name} scope="col">
                  {t(`state.${name}`)}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {changes.map((change) => (
              <tr key={change.path}>
                <td>
                  <code>{change.path}</code>
                </td>
                <td className={css['before']}>{'before' in change ? short(change.before) : t('state.absent')}</td>
                <td className={css['after']}>{'after' in change ? short(change.after) : t('state.absent')}</td>
                <td>
                  <SeqLink seq={change.cause.seq} onOpen={onOpen} /> <span className={css['muted']}>{shortNode(change.cause.node)}</span>
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
      {changes.length < total && <p className={css['muted']}>{t('state.capped', { n: changes.length, total })}</p>}
    </section>
  );
}
