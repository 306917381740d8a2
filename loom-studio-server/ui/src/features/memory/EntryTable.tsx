import type { Memory } from '../../data/memory';
import { useT } from '../../shared/i18n/useT';
import { SeqLink } from '../../shared/ui/SeqLink';
import { Content } from './Content';
import css from './memory.module.css';
import { Importance } from './Tiers';
import { tierLabel } from './tierLabel';

/** All entries as one table. */
export function EntryTable({ memory, onOpen }: { memory: Memory; onOpen: (seq: number) => void }) {
  const t = useT();
  return (
    <table className={css['table']}>
      <thead>
        <tr>
          {(['tier', 'role', 'content', 'importance', 'written'] as const).map((name) => (
            <th key={name} scope="col">
              {t(`memory.col.${name}`)}
            </th>
          ))}
        </tr>
      </thead>
      <tbody>
        {memory.memory.map((entry) => (
          <tr key={entry.entry_id} data-entry={entry.entry_id}>
            <td>{tierLabel(t, entry.tier)}</td>
            <td>{entry.role ?? '—'}</td>
            <td>
              <Content entry={entry} />
            </td>
            <td>
              <Importance value={entry.importance} />
            </td>
            <td>
              <SeqLink seq={entry.seq} onOpen={onOpen} />
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}
