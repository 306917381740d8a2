import { useVirtualizer } from '@tanstack/react-virtual';
import { useDeferredValue, useEffect, useMemo, useRef, useState } from 'react';
import type { Call, RunDetail } from '../../data/runs';
import { useUrlState } from '../../data/useUrlState';
import { useT } from '../../shared/i18n/useT';
import { shortNode } from '../../shared/lib/nodeId';
import { duration } from '../../shared/lib/time';
import { Button } from '../../shared/ui/Button';
import { Icon } from '../../shared/ui/Icon';
import { matching, visibleRows, type CallRow, type CallTree } from './callTree';
import css from './runs.module.css';
import { CallStatusSign, toneOf } from './signs';

const ROW_HEIGHT = 26;
const INDENT = 14;
/** Deeper calls stand no further to the right: a chain must not leave the page. */
const DEEPEST_INDENT = 24;

interface WaterfallProps {
  detail: RunDetail;
  tree: CallTree;
  onOpen: (seq: number) => void;
}

const msOf = (time: string): number => Date.parse(time);

/** When the last call of a run ended, or would have been waited for. */
function endMs(call: Call): number {
  return Math.max(msOf(call.start) + call.duration_ms, call.waited_until == null ? 0 : msOf(call.waited_until));
}

/** The calls as a tree beside their bars. Only the rows on screen exist. */
export function Waterfall({ detail, tree, onOpen }: WaterfallProps) {
  const t = useT();
  const { seq } = useUrlState();
  const [closed, setClosed] = useState<ReadonlySet<number>>(new Set());
  const [query, setQuery] = useState('');
  const [focused, setFocused] = useState<number | null>(null);
  const wanted = useDeferredValue(query.trim().toLowerCase());
  const scroller = useRef<HTMLDivElement>(null);
  const kept = useMemo(
    () => (wanted === '' ? null : matching(tree, ({ to, status, end }) => `${to} ${status} ${end?.error ?? ''}`.toLowerCase().includes(wanted))),
    [tree, wanted],
  );
  const rows = useMemo(() => visibleRows(tree, closed, kept), [tree, closed, kept]);
  const start = msOf(detail.run.start);
  const length = useMemo(() => detail.calls.reduce((most, call) => Math.max(most, endMs(call) - start), 0.001), [detail, start]);
  const virtualizer = useVirtualizer({ count: rows.length, getScrollElement: () => scroller.current, estimateSize: () => ROW_HEIGHT, overscan: 10 });
  const current = focused !== null && rows.some(({ call }) => call === focused) ? focused : (rows[0]?.call ?? null);

  // What was selected elsewhere comes into sight here.
  const revealed = useRef<number | null>(null);
  useEffect(() => {
    if (seq === null || revealed.current === seq) return;
    const index = rows.findIndex(({ call }) => {
      const found = tree.calls[call];
      return found !== undefined && (found.request === seq || found.end?.event === seq);
    });
    if (index === -1) return;
    revealed.current = seq;
    setFocused(rows[index]?.call ?? null);
    virtualizer.scrollToIndex(index, { align: 'auto' });
  }, [rows, seq, tree, virtualizer]);

  const toggle = (call: number, open?: boolean): void => {
    const next = new Set(closed);
    if (open ?? next.has(call)) next.delete(call);
    else next.add(call);
    setClosed(next);
  };
  const focusRow = (index: number): void => {
    const row = rows[Math.max(0, Math.min(rows.length - 1, index))];
    if (row === undefined) return;
    setFocused(row.call);
    virtualizer.scrollToIndex(rows.indexOf(row), { align: 'auto' });
  };
  const onKeyDown = (event: React.KeyboardEvent): void => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const index = rows.findIndex(({ call }) => call === current);
    const row = rows[index];
    if (row === undefined) return;
    if (event.key === 'ArrowDown') focusRow(index + 1);
    else if (event.key === 'ArrowUp') focusRow(index - 1);
    else if (event.key === 'Home') focusRow(0);
    else if (event.key === 'End') focusRow(rows.length - 1);
    else if (event.key === 'ArrowRight') {
      if (row.children > 0 && !row.open) toggle(row.call, true);
      else focusRow(index + 1);
    } else if (event.key === 'ArrowLeft') {
      if (row.children > 0 && row.open) toggle(row.call, false);
      else focusRow(rows.findIndex(({ call }) => call === tree.calls[row.call]?.parent));
    } else if (event.key === 'Enter') onOpen(tree.calls[row.call]?.request ?? 0);
    else return;
    event.preventDefault();
    event.stopPropagation();
  };

  return (
    <div className={css['waterfall']}>
      <div className={css['listBar']}>
        <input
          type="search"
          value={query}
          aria-label={t('runs.search')}
          placeholder={t('runs.search')}
          className={css['search']}
          onChange={(event) => {
            setQuery(event.target.value);
          }}
        />
        {kept !== null && <span className={css['muted']}>{t('runs.matches', { n: kept.size, total: tree.calls.length })}</span>}
        <Button look="quiet" onClick={() => { setClosed(new Set()); }}>
          {t('runs.expand')}
        </Button>
        <Button look="quiet" onClick={() => { setClosed(new Set(tree.calls.keys())); }}>
          {t('runs.collapse')}
        </Button>
      </div>
      <div className={css['callHead']} aria-hidden="true">
        <span>{t('runs.col.call')}</span>
        <span className={css['axis']}>
          {[0, 0.25, 0.5, 0.75].map((share) => (
            <span key={share} style={{ left: `${String(share * 100)}%` }}>
              {duration(length * share)}
            </span>
          ))}
        </span>
        <span>{t('runs.col.duration')}</span>
        <span>{t('runs.col.self')}</span>
        <span>{t('runs.col.tokens')}</span>
      </div>
      <div
        ref={scroller}
        role="tree"
        aria-label={t('runs.tree')}
        tabIndex={0}
        aria-activedescendant={current === null ? undefined : `call-${String(current)}`}
        className={css['scroller']}
        onKeyDown={onKeyDown}
      >
        <div className={css['rows']} style={{ height: virtualizer.getTotalSize() }}>
          {virtualizer.getVirtualItems().map(({ index, start: top }) => {
            const row = rows[index];
            const call = row === undefined ? undefined : tree.calls[row.call];
            return (
              row !== undefined &&
              call !== undefined && (
                <CallLine
                  key={row.call}
                  row={row}
                  call={call}
                  top={top}
                  left={(msOf(call.start) - start) / length}
                  length={length}
                  isFocused={row.call === current}
                  isSelected={seq !== null && (call.request === seq || call.end?.event === seq)}
                  isFirstError={detail.failure?.call === row.call}
                  onToggle={() => {
                    toggle(row.call);
                  }}
                  onOpen={() => {
                    setFocused(row.call);
                    onOpen(call.request);
                  }}
                />
              )
            );
          })}
        </div>
      </div>
    </div>
  );
}

interface CallLineProps {
  row: CallRow;
  call: Call;
  top: number;
  left: number;
  length: number;
  isFocused: boolean;
  isSelected: boolean;
  isFirstError: boolean;
  onToggle: () => void;
  onOpen: () => void;
}

function CallLine({ row, call, top, left, length, isFocused, isSelected, isFirstError, onToggle, onOpen }: CallLineProps) {
  const t = useT();
  const notes = [
    ...(call.on_critical_path === true ? [t('runs.critical')] : []),
    ...(call.link?.trust === 'structure' ? [t('runs.inferred')] : []),
    ...((call.candidates ?? []).length > 0 ? [t('runs.ambiguous', { ids: (call.candidates ?? []).map((id) => `#${String(id)}`).join(', ') })] : []),
    ...(call.is_cycle === true ? [t('runs.cycle')] : []),
    ...(call.is_unheard === true ? [t('runs.unheard')] : []),
    ...(call.end?.error == null ? [] : [call.end.error]),
  ];
  return (
    // The tree has the focus and handles the keys.
    // eslint-disable-next-line jsx-a11y/click-events-have-key-events, jsx-a11y/interactive-supports-focus
    <div
      id={`call-${String(row.call)}`}
      role="treeitem"
      aria-level={row.depth + 1}
      aria-selected={isSelected}
      {...(row.children > 0 ? { 'aria-expanded': row.open } : {})}
      className={css['call']}
      data-focused={isFocused}
      data-request={call.request}
      data-first-error={isFirstError}
      style={{ transform: `translateY(${String(top)}px)` }}
      title={notes.join(' · ')}
      onClick={onOpen}
    >
      <span className={css['callName']} style={{ paddingInlineStart: Math.min(row.depth, DEEPEST_INDENT) * INDENT }}>
        {/* The arrow keys do the same. */}
        {/* eslint-disable-next-line jsx-a11y/click-events-have-key-events, jsx-a11y/no-static-element-interactions */}
        <span
          className={css['twist']}
          data-open={row.open}
          onClick={(event) => {
            event.stopPropagation();
            if (row.children > 0) onToggle();
          }}
        >
          {row.children > 0 && <Icon name="chevron" size={10} />}
        </span>
        <CallStatusSign status={call.status} />
        <span className={css['name']}>{shortNode(call.to)}</span>
        {(call.candidates ?? []).length > 0 && <span className={css['badge']}>?</span>}
        {call.link?.trust === 'structure' && <span className={css['badge']}>~</span>}
      </span>
      <span className={css['track']} aria-hidden="true">
        <span
          className={css['bar']}
          data-tone={toneOf(call.status)}
          data-critical={call.on_critical_path === true}
          style={{ left: `${String(left * 100)}%`, width: `max(2px, ${String((call.duration_ms / length) * 100)}%)` }}
        />
      </span>
      <span className={css['number']}>{duration(call.duration_ms)}</span>
      <span className={css['number']}>{duration(call.self_ms)}</span>
      <span className={css['number']}>{call.tokens?.total ?? '—'}</span>
    </div>
  );
}
