import { useConnection } from '../../data/connectionStore';
import { parseFilter } from '../../data/filter';
import type { ViewMessage } from '../../data/messages';
import { useUrlState } from '../../data/useUrlState';
import { useT } from '../../shared/i18n/useT';
import css from './log.module.css';
import { MAX_ROWS } from './logWindow';

/** What the list leaves out, said plainly. */
export function LogNotices({ view }: { view: ViewMessage | null }) {
  const t = useT();
  const { filter } = useUrlState();
  const heldFirst = useConnection((status) => status.heldFirstSeq);
  const serverFirst = useConnection((status) => status.serverFirstSeq);
  if (view === null) return null;
  const isTextFilter = parseFilter(filter).terms.some((term) => term.kind === 'text');
  const texts: string[] = [];
  if (serverFirst > 0 && heldFirst > serverFirst) {
    texts.push(t('log.older', { from: String(serverFirst), to: String(heldFirst - 1) }));
  }
  if (view.end - view.first > MAX_ROWS) texts.push(t('log.capped', { n: MAX_ROWS }));
  if (isTextFilter && view.previewsFrom > 0) texts.push(t('log.nonePreviews', { seq: String(view.previewsFrom) }));
  if (texts.length === 0) return null;
  return (
    <div role="note" className={css['notices']}>
      {texts.map((text) => (
        <p key={text}>{text}</p>
      ))}
    </div>
  );
}
