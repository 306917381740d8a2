import { setUrlState } from '../data/useUrlState';
import { VIEWS, type ViewName } from '../data/urlState';
import { useT } from '../shared/i18n/useT';
import { Icon } from '../shared/ui/Icon';
import css from './navigation.module.css';

export function Navigation({ view }: { view: ViewName }) {
  const t = useT();
  return (
    <nav aria-label={t('nav.label')} className={css['nav']}>
      <ul>
        {VIEWS.map((name) => (
          <li key={name}>
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
          </li>
        ))}
      </ul>
    </nav>
  );
}
