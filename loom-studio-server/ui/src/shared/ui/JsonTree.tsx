import { useCallback, useDeferredValue, useId, useMemo, useRef, useState, type KeyboardEvent } from 'react';
import { useT } from '../i18n/useT';
import { copyText } from '../lib/clipboard';
import { diffJson } from './jsonDiff';
import { diffRows, FOLD_SUFFIX, jsonRows, revealed, treeKey, valueText, type JsonRow, type OpenedRows } from './jsonRows';
import { searchTree } from './jsonSearch';
import css from './jsonTree.module.css';
import { JsonTreeRow, type RowAction } from './JsonTreeRow';
import { JsonTreeSearch } from './JsonTreeSearch';
import { RowList, type RowListHandle } from './RowList';

interface JsonTreeProps {
  value: unknown;
  label: string;
  /** Levels that start open. */
  openDepth?: number;
  /** The row that has the focus, by its JSON Pointer. */
  onRow?: (pointer: string) => void;
  /** Shows what became of this value instead: one tree of both. */
  compared?: { before: unknown };
  /** Whether names and values can be searched. */
  isSearchable?: boolean;
  /** What else can be done with a row. */
  rowActions?: readonly RowAction[];
  /** Takes the height there is, instead of that of its rows. */
  fills?: boolean;
}

const NO_ACTIONS: readonly RowAction[] = [];

/** A JSON value, or two compared, as a tree. What it shows is only ever text. Of many rows only those in sight are there. */
export function JsonTree({ value, label, openDepth = 2, onRow, compared, isSearchable = false, rowActions = NO_ACTIONS, fills = false }: JsonTreeProps) {
  const t = useT();
  const prefix = useId();
  const [opened, setOpened] = useState<OpenedRows>(new Map());
  const [unfolded, setUnfolded] = useState<ReadonlySet<string>>(new Set());
  const [focused, setFocused] = useState('');
  const [query, setQuery] = useState('');
  const [current, setCurrent] = useState('');
  const list = useRef<RowListHandle>(null);
  const wanted = useDeferredValue(query);
  const before = compared?.before;
  const isCompared = compared !== undefined;
  const diff = useMemo(() => (isCompared ? diffJson(before, value) : null), [isCompared, before, value]);
  const visible = useCallback((which: OpenedRows) => (diff === null ? jsonRows(value, which, openDepth) : diffRows(diff, which)), [diff, value, openDepth]);
  const rows = useMemo(() => visible(opened), [visible, opened]);
  const matches = useMemo(() => searchTree(value, diff, wanted), [value, diff, wanted]);
  const indexOf = useMemo(() => new Map(rows.map((row, index) => [row.id, index])), [rows]);
  const focusable = indexOf.has(focused) ? focused : (rows[0]?.id ?? '');
  const focusIndex = indexOf.get(focusable) ?? 0;

  const toggleText = (id: string): void => {
    const next = new Set(unfolded);
    if (!next.delete(id)) next.add(id);
    setUnfolded(next);
  };
  const activate = (row: JsonRow): void => {
    if (row.kind === 'more') {
      const around = new Map(opened).set(String(row.value), true);
      const inside = `${String(row.value).slice(0, -FOLD_SUFFIX.length)}/`;
      // The focus goes to the first of the rows that come in its place.
      const next = visible(around);
      const index = next.findIndex(({ id, depth, position }) => depth === row.depth && position === row.position && id.startsWith(inside));
      setOpened(around);
      setFocused(next[index]?.id ?? '');
      list.current?.reveal(index, true);
    } else if (row.kind === 'string') toggleText(row.id);
    else if (row.size > 0) setOpened(new Map(opened).set(row.id, !row.open));
  };
  const focusRow = (id: string): void => {
    setFocused(id);
    list.current?.focus(indexOf.get(id) ?? 0);
  };
  const goToMatch = (step: 1 | -1): void => {
    if (matches.length === 0) return;
    const at = matches.indexOf(current);
    const next = matches[at < 0 ? (step > 0 ? 0 : matches.length - 1) : (at + step + matches.length) % matches.length] ?? '';
    const around = revealed(opened, next);
    setCurrent(next);
    setOpened(around);
    setFocused(next);
    // The rows that come to be when all around it is open say where it will stand.
    const there = visible(around);
    const index = there.findIndex(({ id }) => id === next);
    if (there[index]?.kind === 'string') setUnfolded(new Set(unfolded).add(next));
    list.current?.reveal(index, false);
    onRow?.(next);
  };
  const onKeyDown = (event: KeyboardEvent): void => {
    const row = rows[focusIndex];
    if (event.ctrlKey || event.metaKey || event.altKey || row === undefined) return;
    if (event.key.toLowerCase() === 'c') {
      void copyText(event.shiftKey ? row.path : valueText(row.value));
    } else {
      const move = treeKey(event.key, rows, focusIndex);
      if (move === null) return;
      if ('focus' in move) focusRow(move.focus);
      else activate(row);
    }
    event.preventDefault();
    event.stopPropagation();
  };
  const renderRow = (index: number) => {
    const row = rows[index];
    if (row === undefined) return null;
    return (
      <JsonTreeRow
        key={row.id}
        row={row}
        query={wanted}
        isFocusable={row.id === focusable}
        isCurrent={row.id === current && wanted !== ''}
        isUnfolded={unfolded.has(row.id)}
        actions={rowActions}
        onFold={() => {
          toggleText(row.id);
        }}
        onClick={() => {
          focusRow(row.id);
          if (row.kind !== 'string') activate(row);
        }}
        onFocus={() => {
          setFocused(row.id);
          if (row.kind !== 'more') onRow?.(row.id);
        }}
      />
    );
  };

  return (
    <div className={fills ? css['filling'] : undefined}>
      {isSearchable && (
        <JsonTreeSearch
          label={label}
          controls={prefix}
          query={query}
          position={matches.indexOf(current) + 1}
          count={matches.length}
          onQuery={(text) => {
            setQuery(text);
            setCurrent('');
          }}
          onStep={goToMatch}
        />
      )}
      {diff !== null && (
        <p className={css['changes']} role="status">
          {diff.changes === 0 ? t('tree.noChanges') : t('tree.changes', { n: diff.changes })}
        </p>
      )}
      {diff !== null && diff.mark === 'changed' && (
        <p className={css['whole']}>
          <del>{valueText(diff.before)}</del> <ins>{valueText(diff.after)}</ins>
        </p>
      )}
      <RowList ref={list} id={prefix} label={label} count={rows.length} kept={focusIndex} fills={fills} keyOf={(index) => rows[index]?.id ?? index} renderRow={renderRow} onKeyDown={onKeyDown} />
    </div>
  );
}
