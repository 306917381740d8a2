import { useEffect, useState } from 'react';
import { edgeKey, type Topology } from '../../data/topology';
import { useT } from '../../shared/i18n/useT';
import css from './topology.module.css';

interface SearchProps {
  topology: Topology;
  /** What matches, edges between matches included; null while nothing is searched. */
  onFound: (found: ReadonlySet<string> | null) => void;
  /** Goes to a match. */
  onGo: (id: string) => void;
}

/** Finds nodes by a part of their id, name or role. Enter goes from one match to the next. */
export function Search({ topology, onFound, onGo }: SearchProps) {
  const t = useT();
  const [query, setQuery] = useState('');
  const [at, setAt] = useState(0);
  const wanted = query.trim().toLowerCase();
  const matches =
    wanted === '' ? [] : [...topology.nodes.values()].filter(({ id, name, role }) => `${id} ${name} ${role ?? ''}`.toLowerCase().includes(wanted)).map(({ id }) => id);
  const key = matches.join('\n');
  useEffect(() => {
    if (wanted === '') {
      onFound(null);
      return;
    }
    const ids = new Set(key === '' ? [] : key.split('\n'));
    const edges = [...topology.edges.values()].filter(({ from, to }) => ids.has(from) && ids.has(to)).map(({ from, to }) => edgeKey(from, to));
    onFound(new Set([...ids, ...edges]));
  }, [key, onFound, topology, wanted]);
  return (
    <>
      <input
        type="search"
        className={css['search']}
        aria-label={t('topology.search')}
        placeholder={t('topology.search')}
        spellCheck={false}
        value={query}
        onChange={(event) => {
          setQuery(event.target.value);
          setAt(0);
        }}
        onKeyDown={(event) => {
          if (event.key === 'Escape') setQuery('');
          else if (event.key === 'Enter' && matches.length > 0) {
            const id = matches[at % matches.length];
            if (id !== undefined) onGo(id);
            setAt(at + 1);
          } else return;
          event.preventDefault();
          event.stopPropagation();
        }}
      />
      <span role="status" className={css['muted']}>
        {wanted !== '' && t('topology.found', { n: matches.length })}
      </span>
    </>
  );
}
