import { useEffect, useState, type RefObject } from 'react';
import { dataClient } from '../../data/client';
import { parseFilter } from '../../data/condition';
import { facetOf, withFacet } from '../../data/conditionEdit';
import { useConnection } from '../../data/connectionStore';
import { LOG_COLUMNS, showColumn, useLogStore } from '../../data/logStore';
import type { Facet, FacetsMessage, ViewMessage } from '../../data/messages';
import { togglePause, usePlayhead } from '../../data/playhead';
import { setUrlState, useUrlState } from '../../data/useUrlState';
import { useT } from '../../shared/i18n/useT';
import { localDateTime, clockTime } from '../../shared/lib/time';
import { Button, IconButton } from '../../shared/ui/Button';
import controls from '../../shared/ui/controls.module.css';
import { EXPORT_FORMATS, exportLink } from './exportLink';
import { FilterBox } from './FilterBox';
import css from './log.module.css';
import { Menu } from './Menu';

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
  const [facets, setFacets] = useState<FacetsMessage | null>(null);
  const refresh = (): void => {
    void dataClient().facets().then(setFacets);
  };
  const hasRows = view !== null && view.end > view.first;
  useEffect(() => {
    if (hasRows) refresh();
  }, [hasRows]);
  const setFilter = (text: string): void => {
    setUrlState({ filter: text });
  };
  return (
    <div className={css['bar']}>
      <div className={css['controls']}>
        <FilterBox inputRef={inputRef} value={filter} facets={facets} onChange={setFilter} onFocus={refresh} onLeave={onLeave} />
        <Facets filter={filter} facets={facets} onChange={setFilter} onRefresh={refresh} />
        <Scope />
        <Count view={view} />
        <Button icon={at === null ? 'pause' : 'play'} aria-pressed={at !== null} title="P" onClick={togglePause}>
          {at === null ? t('log.pause') : t('log.resume')}
        </Button>
        <Button icon="down" aria-pressed={following} title={t('log.followHint')} onClick={onFollow}>
          {t('log.follow')}
        </Button>
        <ColumnsMenu />
        <ExportMenu at={at} />
      </div>
    </div>
  );
}

function Count({ view }: { view: ViewMessage | null }) {
  const t = useT();
  const at = usePlayhead();
  const { filter, range, session } = useUrlState();
  const held = useConnection((status) => status.held);
  if (view === null) return null;
  const n = Math.max(0, view.end - view.first - view.gaps);
  const isFiltered = parseFilter(filter).kind !== 'all' || range !== null || session !== null;
  const heldText = isFiltered ? t('log.countOf', { n, total: held }) : t('log.count', { n });
  const serverText = view.isExact ? t('log.countServer', { n, total: view.total }) : t('log.countAtLeast', { n });
  return (
    <div className={css['count']} data-testid="result-count">
      {at !== null && (
        <span className={css['paused']}>
          {t('log.pausedAt', { seq: String(at) })}
          {view.pending > 0 && ` · ${t('log.pending', { n: view.pending })}`}
        </span>
      )}
      <span>{view.isServers ? serverText : heldText}</span>
    </div>
  );
}

/** The run and the time range that the log narrows to, each with a way out. */
function Scope() {
  const t = useT();
  const { run, range } = useUrlState();
  return (
    <>
      {run !== null && (
        <span className={css['chip']}>
          {t('log.run', { seq: String(run) })}
          <IconButton icon="close" look="quiet" label={t('log.runClear')} onClick={() => { setUrlState({ run: null }); }} />
        </span>
      )}
      {range !== null && (
        <span className={css['chip']} title={`${localDateTime(range.fromUs)} – ${localDateTime(range.toUs)}`}>
          {t('log.range', { from: clockTime(range.fromUs), to: clockTime(range.toUs) })}
          <IconButton icon="close" look="quiet" label={t('log.rangeClear')} onClick={() => { setUrlState({ range: null }); }} />
        </span>
      )}
    </>
  );
}

function ColumnsMenu() {
  const t = useT();
  const hidden = useLogStore((store) => store.hidden);
  return (
    <Menu label={t('log.columns')} icon="table">
      {LOG_COLUMNS.filter((column) => column !== 'seq').map((column) => (
        <label key={column}>
          <input
            type="checkbox"
            checked={!hidden.includes(column)}
            onChange={(event) => {
              showColumn(column, event.target.checked);
            }}
          />
          {t(`log.col.${column}`)}
        </label>
      ))}
    </Menu>
  );
}

function ExportMenu({ at }: { at: number | null }) {
  const t = useT();
  const url = useUrlState();
  return (
    <Menu label={t('log.export')}>
      {EXPORT_FORMATS.map((format) => (
        <a key={format} href={exportLink(url, at, format)} download>
          {t(`log.export.${format}`)}
        </a>
      ))}
    </Menu>
  );
}

const FACETS = [
  ['type', 'types'],
  ['node', 'nodes'],
  ['session', 'sessions'],
] as const;

function Facets({ filter, facets, onChange, onRefresh }: { filter: string; facets: FacetsMessage | null; onChange: (filter: string) => void; onRefresh: () => void }) {
  const t = useT();
  const onlyErrors = facetOf(filter, 'outcome') === 'error';
  return (
    // The lists are renewed before one can be opened: an open list doesn't change.
    // eslint-disable-next-line jsx-a11y/no-static-element-interactions
    <div className={css['facets']} onPointerEnter={onRefresh} onFocus={(event) => { if (!event.currentTarget.contains(event.relatedTarget)) onRefresh(); }}>
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
          onChange(withFacet(filter, 'outcome', onlyErrors ? null : 'error'));
        }}
      >
        {t('log.errorsOnly')}
      </Button>
    </div>
  );
}

function FacetSelect({ facet, value, options, onChange }: { facet: 'type' | 'node' | 'session'; value: string | null; options: Facet[]; onChange: (value: string | null) => void }) {
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
