import type { Memory } from '../../data/memory';
import { useT } from '../../shared/i18n/useT';
import { JsonTree } from '../../shared/ui/JsonTree';
import { SeqLink } from '../../shared/ui/SeqLink';
import css from './memory.module.css';

/** The project state object of the node. */
export function Pso({ memory, onOpen }: { memory: Memory; onOpen: (seq: number) => void }) {
  const t = useT();
  return (
    <section aria-label={t('memory.pso')} className={css['pso']}>
      <h2>
        {t('memory.pso')}{' '}
        {memory.pso_changed !== null && (
          <SeqLink seq={memory.pso_changed.seq} onOpen={onOpen}>
            {t('memory.psoWritten', { seq: String(memory.pso_changed.seq) })}
          </SeqLink>
        )}
      </h2>
      {memory.pso === null ? <p className={css['muted']}>{t('memory.psoNone')}</p> : <JsonTree value={memory.pso} label={t('memory.pso')} />}
    </section>
  );
}
