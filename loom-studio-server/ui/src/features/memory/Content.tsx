import type { MemoryEntry } from '../../data/memory';
import { useT } from '../../shared/i18n/useT';
import { JsonTree } from '../../shared/ui/JsonTree';
import css from './memory.module.css';

/** What an entry says. It is only ever text. */
export function Content({ entry }: { entry: MemoryEntry }) {
  const t = useT();
  if (entry.content_is !== 'here') return <p className={css['muted']}>{t(`memory.content.${entry.content_is}`)}</p>;
  if (typeof entry.content === 'string') return <p className={css['content']}>{entry.content}</p>;
  return <JsonTree value={entry.content} label={entry.entry_id} openDepth={1} />;
}
