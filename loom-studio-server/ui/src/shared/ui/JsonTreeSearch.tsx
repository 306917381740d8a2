import { useT } from '../i18n/useT';
import { IconButton } from './Button';
import css from './jsonTree.module.css';

interface JsonTreeSearchProps {
  label: string;
  /** The id of the tree. */
  controls: string;
  query: string;
  /** Which match one is at, from 1; 0 before the first. */
  position: number;
  count: number;
  onQuery: (query: string) => void;
  onStep: (step: 1 | -1) => void;
}

/** Finds names and values in a tree: Enter goes to the next, with Shift to the previous. */
export function JsonTreeSearch({ label, controls, query, position, count, onQuery, onStep }: JsonTreeSearchProps) {
  const t = useT();
  return (
    <div role="search" aria-label={t('tree.searchIn', { label })} className={css['search']}>
      <input
        type="search"
        aria-label={t('tree.search')}
        aria-controls={controls}
        placeholder={t('tree.search')}
        value={query}
        onChange={(event) => {
          onQuery(event.target.value);
        }}
        onKeyDown={(event) => {
          if (event.key === 'Enter') {
            event.preventDefault();
            onStep(event.shiftKey ? -1 : 1);
          } else if (event.key === 'Escape' && query !== '') {
            event.preventDefault();
            event.stopPropagation();
            onQuery('');
          }
        }}
      />
      <span role="status" className={css['found']}>
        {query.trim() === '' ? '' : position === 0 ? t('tree.found', { n: count }) : t('tree.foundAt', { at: position, n: count })}
      </span>
      {query.trim() !== '' && (
        <>
          <IconButton look="quiet" icon="back" label={t('tree.previousMatch')} disabled={count === 0} onClick={() => { onStep(-1); }} />
          <IconButton look="quiet" icon="forward" label={t('tree.nextMatch')} disabled={count === 0} onClick={() => { onStep(1); }} />
        </>
      )}
    </div>
  );
}
