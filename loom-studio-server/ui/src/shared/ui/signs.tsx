import { useT } from '../i18n/useT';
import { Icon } from './Icon';
import { lookOf } from './nodeTypes';
import css from './signs.module.css';

/** The shape and colour of a node type; its name stands beside it. */
export function NodeSign({ type }: { type: string }) {
  const { color, path } = lookOf(type);
  return (
    <svg width="13" height="13" viewBox="0 0 16 16" aria-hidden="true" className={css['sign']}>
      <path d={path} style={{ fill: `var(${color})` }} />
    </svg>
  );
}

export function StatusSign({ status }: { status: 'idle' | 'running' | 'error' }) {
  const t = useT();
  return (
    <span className={css['status']} data-status={status}>
      {status !== 'idle' && <Icon name={status === 'error' ? 'error' : 'play'} size={12} />}
      {t(`status.${status}`)}
    </span>
  );
}
