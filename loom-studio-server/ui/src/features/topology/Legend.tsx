import { useT } from '../../shared/i18n/useT';
import { NODE_LOOKS, NODE_TYPES } from '../../shared/ui/nodeTypes';
import { NodeSign, StatusSign } from '../../shared/ui/signs';
import css from './topology.module.css';

export function Legend() {
  const t = useT();
  return (
    <details className={css['legend']} open>
      <summary>{t('topology.legend')}</summary>
      <ul>
        {NODE_TYPES.map((type) => (
          <li key={type}>
            <NodeSign type={type} />
            {t(NODE_LOOKS[type].label)}
          </li>
        ))}
        {(['running', 'error'] as const).map((status) => (
          <li key={status}>
            <StatusSign status={status} />
          </li>
        ))}
        <li className={css['wide']}>{t('topology.width')}</li>
        <li className={css['wide']}>{t('topology.failedEdge')}</li>
      </ul>
    </details>
  );
}
