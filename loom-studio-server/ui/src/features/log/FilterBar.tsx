import { useEffect, useState, type RefObject } from 'react';
import { dataClient } from '../../data/client';
import { useConnection } from '../../data/connectionStore';
import { facetOf, parseFilter, withFacet, type FilterKey } from '../../data/filter';
import type { Facet, FacetsMessage, ViewMessage } from '../../data/messages';
import { togglePause, usePlayhead } from '../../data/playhead';
import { setUrlState, useUrlState } from '../../data/useUrlState';
import { useT } from '../../shared/i18n/useT';
import { Button, IconButton } from '../../shared/ui/Button';
import controls from '../../shared/ui/controls.module.css';
import { Icon } from '../../shared/ui/Icon';
import css from './log.module.css';

interface FilterBarProps {
  inputRef: RefObject<HTMLInputElement | null>;
  view: ViewMessage | null;
  at: number | null;
  following: boolean;
  onFollow: () => void;
  /** Enter and Escape in the filter give the focus to the rows. */
  onLeave: () => void;
}

export function FilterBar({ inputRef, view, at, following, onFollow, onLeave }: FilterBarProps) {
  const t = useT();
  const { filter } = useUrlState();
  const { errors } = parseFilter(filter);
  const setFilter = (text: string): void => {
    setUrlState({ filter: text });
  };
  return (
    <div className={css['bar']}>
      <div className={css['controls']}>
        <div className={css['filter']} data-invalid={errors.length > 0}>
          <Icon name="search" />
          <input
            ref={inputRef}
            type="text"
            value={filter}
            placeholder={t('log.filterPlaceholder')}
            aria-label={t('log.filter')}
            aria-invalid={errors.length > 0}
            aria-describedby={errors.length > 0 ? 'filter-errors' : undefined}
            spellCheck={false}
            autoComplete="off"
            onChange={(event) => {
              setFilter(event.target.value);
            }}
            onKeyDown={(event) => {
              if (event.nativeEvent.isComposing || (event.key !== 'Enter' && event.key !== 'Escape')) return;
              event.preventDefault();
              event.stopPropagation();
              onLeave();
            }}
          />
          {filter !== '' && (
            <IconButton
              icon="close"
              look="quiet"
              label={t('log.filterClear')}
              onClick={() => {
                setFilter('');
                inputRef.current?.focus();
              }}
            />
          )}
        </div>
        <Facets filter={filter} hasRows={view !== null && view.end > 0} onChange={setFilter} />
        <Count view={view} filtered={parseFilter(filter).terms.length > 0} />
        <Button icon={at === null ? 'pause' : 'play'} aria-pressed={at !== null} title="P" onClick={togglePause}>
          {at === null ? t('log.pause') : t('log.resume')}
        </Button>
        <Button icon="down" aria-pressed={following} title={t('log.followHint')} onClick={onFollow}>
          {t('log.follow')}
        </Button>
      </div>
      {errors.length > 0 && (
        <div id="filter-errors" role="alert" className={css['filterErrors']}>
          {errors.map((error) => (
            <p key={error.start}>
              <code className={css['pointer']}>
                {filter.slice(0, error.start)}
                <mark>{filter.slice(error.start, error.end)}</mark>
                {filter.slice(error.end)}
              </code>
              {t(`log.error.${error.problem}`, { token: error.token })}
            </p>
          ))}
        </div>
      )}
    </div>
  );
}

function Count({ view, filtered }: { view: ViewMessage | null; filtered: boolean }) {
  const t = useT();
  const at = usePlayhead();
  const held = useConnection((status) => status.held);
  if (view === null) return null;
  const n = Math.max(0, view.end - view.first - view.gaps);
  return (
    <div className={css['count']} data-testid="result-count">
      {at !== null && (
        <span className={css['paused']}>
          {t('log.pausedAt', { seq: String(at) })}
          {view.pending > 0 && ` · ${t('log.pending', { n: view.pending })}`}
        </span>
      )}
      <span>{filtered ? t('log.countOf', { n, total: held }) : t('log.count', { n })}</span>
    </div>
  );
}

const FACETS = [
  ['type', 'types'],
  ['node', 'nodes'],
  ['session', 'sessions'],
] as const;

function Facets({ filter, hasRows, onChange }: { filter: string; hasRows: boolean; onChange: (filter: string) => void }) {
  const t = useT();
  const [facets, setFacets] = useState<FacetsMessage | null>(null);
  const refresh = (): void => {
    void dataClient().facets().then(setFacets);
  };
  useEffect(() => {
    if (hasRows) refresh();
  }, [hasRows]);
  const onlyErrors = facetOf(filter, 'error') !== null;
  return (
    // The lists are renewed before one can be opened: an open list doesn't change.
    // eslint-disable-next-line jsx-a11y/no-static-element-interactions
    <div className={css['facets']} onPointerEnter={refresh} onFocus={(event) => { if (!event.currentTarget.contains(event.relatedTarget)) refresh(); }}>
      {FACETS.map(([key, list]) => (
        <FacetSelect
          key={key}
          facet={key}
          value={facetOf(filter, key)}
          options={facets?.[list] ?? []}
          onChange={(value) => {
            onChange(withFacet(filter, key, value));
          }}
        />
      ))}
      <Button
        icon="error"
        aria-pressed={onlyErrors}
        onClick={() => {
          onChange(withFacet(filter, 'error', onlyErrors ? null : 'error'));
        }}
      >
        {t('log.errorsOnly')}
      </Button>
    </div>
  );
}

function FacetSelect({ facet, value, options, onChange }: { facet: FilterKey & ('type' | 'node' | 'session'); value: string | null; options: Facet[]; onChange: (value: string | null) => void }) {
  const t = useT();
  const isListed = value === null || options.some((option) => option.value === value);
  return (
    <select
      className={controls['select']}
      aria-label={t(`log.facet.${facet}`)}
      value={value ?? ''}
      onChange={(event) => {
        onChange(event.target.value === '' ? null : event.target.value);
      }}
    >
      <option value="">{`${t(`log.facet.${facet}`)}: ${t('log.facet.all')}`}</option>
      {!isListed && <option value={value}>{value}</option>}
      {options.map((option) => (
        <option key={option.value} value={option.value}>
          {`${option.value} (${String(option.count)})`}
        </option>
      ))}
    </select>
  );
}
