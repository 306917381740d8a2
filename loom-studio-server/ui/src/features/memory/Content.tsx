import type { MemoryEntry } from '../../data/memory';
import { useT } from '../../shared/i18n/useT';
import { Readable } from '../../shared/ui/Readable';
import css from './memory.module.css';

/** What an entry says. It is only ever text. */
export function Content({ entry }: { entry: MemoryEntry }) {
  const t = useT();
  if (entry.content_is !== 'here') return <p className={css['muted']}>{t(`memory.content.${entry.content_is}`)}</p>;
  return (
    <div className={css['content']}>
      <Readable value={entry.content} label={entry.entry_id} />
    </div>
  );
}
