import { fetchState } from '../../data/memory';
import { useAsOf } from '../../data/useAsOf';
import { useT } from '../../shared/i18n/useT';
import { shortNode } from '../../shared/lib/nodeId';
import { SeqLink } from '../../shared/ui/SeqLink';
import css from './state.module.css';

/** Which events wrote a value and touched it since. */
export function Blame({ pointer, session, onOpen }: { pointer: string; session: string; onOpen: (seq: number) => void }) {
  const t = useT();
  const { data } = useAsOf(['blame', session, pointer], (at, signal) => fetchState({ at, session_id: session, path: pointer, blame: true }, signal));
  const written = data?.path === pointer ? data.written : null;
  return (
    <section aria-label={t('state.whoChanged')} className={css['blame']} data-testid="blame">
      <h2>{t('state.blame', { path: pointer })}</h2>
      {written !== null && (
        <p>
          <SeqLink seq={written.seq} onOpen={onOpen}>
            {t('state.blameWritten', { seq: String(written.seq) })}
          </SeqLink>{' '}
          <span className={css['muted']}>{shortNode(written.node)}</span>
        </p>
      )}
      <ul>
        {data?.blame?.touched.toReversed().map(({ seq, node }) => (
          <li key={seq}>
            <SeqLink seq={seq} onOpen={onOpen} /> <span className={css['muted']}>{shortNode(node)}</span>
          </li>
        ))}
      </ul>
    </section>
  );
}
