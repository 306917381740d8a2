import { setUrlState, useUrlState } from '../data/useUrlState';
import { VIEWS, type ViewName } from '../data/urlState';
import { useT } from '../shared/i18n/useT';
import { IconButton } from '../shared/ui/Button';
import { Icon } from '../shared/ui/Icon';
import css from './navigation.module.css';

/** Leads to the views; the small button at each opens it beside the first. */
export function Navigation({ view }: { view: ViewName }) {
  const t = useT();
  const { beside } = useUrlState();
  return (
    <nav aria-label={t('nav.label')} className={css['nav']}>
      <ul>
        {VIEWS.map((name) => (
          <li key={name} className={css['entry']} data-open={name === beside}>
            <a
              href={`/${name}`}
              className={css['item']}
              aria-current={view === name ? 'page' : undefined}
              title={t(`view.${name}`)}
              onClick={(event) => {
                if (event.ctrlKey || event.metaKey || event.shiftKey || event.button !== 0) return;
                event.preventDefault();
                setUrlState({ view: name }, 'push');
              }}
            >
              <Icon name={name} size={16} />
              <span>{t(`view.${name}`)}</span>
            </a>
            {name !== view && (
              <IconButton
                icon="split"
                look="quiet"
                label={t('workbench.openBeside', { view: t(`view.${name}`) })}
                aria-pressed={name === beside}
                className={css['beside'] ?? ''}
                onClick={() => {
                  setUrlState({ beside: name === beside ? null : name }, 'push');
                }}
              />
            )}
          </li>
        ))}
      </ul>
    </nav>
  );
}
