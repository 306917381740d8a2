import { useMemo, useRef, useState, type KeyboardEvent } from 'react';
import { useT } from '../i18n/useT';
import { copyText } from '../lib/clipboard';
import { ExactNumber } from '../lib/exactJson';
import { IconButton } from './Button';
import { Icon } from './Icon';
import { CHILDREN_STEP, jsonRows, LONG_STRING, treeKey, valueText, type JsonRow } from './jsonRows';
import css from './jsonTree.module.css';

interface JsonTreeProps {
  value: unknown;
  label: string;
  /** Levels that start open. */
  openDepth?: number;
  /** The row that has the focus, by its JSON Pointer. */
  onRow?: (pointer: string) => void;
}

/** A JSON value as a tree. What it shows is only ever text. */
export function JsonTree({ value, label, openDepth = 2, onRow }: JsonTreeProps) {
  const t = useT();
  const [toggled, setToggled] = useState<ReadonlySet<string>>(new Set());
  const [shown, setShown] = useState<ReadonlyMap<string, number>>(new Map());
  const [unfolded, setUnfolded] = useState<ReadonlySet<string>>(new Set());
  const [focused, setFocused] = useState('');
  const tree = useRef<HTMLDivElement>(null);
  const rows = useMemo(() => jsonRows(value, { toggled, shown }, openDepth), [value, toggled, shown, openDepth]);
  const focusable = rows.some((row) => row.id === focused) ? focused : (rows[0]?.id ?? '');

  const flip = (set: ReadonlySet<string>, id: string): ReadonlySet<string> => {
    const next = new Set(set);
    if (!next.delete(id)) next.add(id);
    return next;
  };
  const activate = (row: JsonRow): void => {
    if (row.kind === 'more') {
      const parent = String(row.value);
      setShown(new Map(shown).set(parent, (shown.get(parent) ?? CHILDREN_STEP) + CHILDREN_STEP * 10));
    } else if (row.kind === 'string') setUnfolded(flip(unfolded, row.id));
    else if (row.size > 0) setToggled(flip(toggled, row.id));
  };
  const focusRow = (id: string): void => {
    setFocused(id);
    const index = rows.findIndex((row) => row.id === id);
    tree.current?.querySelectorAll<HTMLElement>('[role="treeitem"]')[index]?.focus();
  };
  const onKeyDown = (event: KeyboardEvent): void => {
    const row = rows.find(({ id }) => id === focusable);
    if (event.ctrlKey || event.metaKey || event.altKey || row === undefined) return;
    if (event.key.toLowerCase() === 'c') {
      void copyText(event.shiftKey ? row.path : valueText(row.value));
    } else {
      const move = treeKey(event.key, rows, focusable);
      if (move === null) return;
      if ('focus' in move) focusRow(move.focus);
      else activate(row);
    }
    event.preventDefault();
    event.stopPropagation();
  };

  return (
    <div ref={tree} role="tree" aria-label={label} className={css['tree']} tabIndex={-1} onKeyDown={onKeyDown}>
      {rows.map((row) => (
        // Keys are handled by the tree, which owns the focus.
        // eslint-disable-next-line jsx-a11y/click-events-have-key-events
        <div
          key={row.id}
          role="treeitem"
          aria-level={row.depth + 1}
          aria-posinset={row.position}
          aria-setsize={row.siblings}
          aria-selected={row.id === focusable}
          {...(row.size > 0 && row.kind !== 'more' ? { 'aria-expanded': row.open } : {})}
          tabIndex={row.id === focusable ? 0 : -1}
          className={css['row']}
          style={{ paddingInlineStart: 4 + row.depth * 14 }}
          onClick={() => {
            focusRow(row.id);
            if (row.kind !== 'string') activate(row);
          }}
          onFocus={() => {
            setFocused(row.id);
            if (row.kind !== 'more') onRow?.(row.id);
          }}
        >
          {row.kind === 'more' ? (
            <span className={css['more']}>{t('tree.more', { n: row.size })}</span>
          ) : (
            <>
              <span className={css['twist']} data-open={row.open}>
                {row.size > 0 && <Icon name="chevron" size={10} />}
              </span>
              <span className={css['key']}>{row.label}</span>
              <span className={css['colon']}>: </span>
              <Value
                row={row}
                unfolded={unfolded.has(row.id)}
                onFold={() => {
                  activate(row);
                }}
              />
              <span className={css['actions']}>
                <IconButton
                  look="quiet"
                  icon="copy"
                  label={t('tree.copyValue')}
                  tabIndex={-1}
                  onClick={(event) => {
                    event.stopPropagation();
                    void copyText(valueText(row.value));
                  }}
                />
                <IconButton
                  look="quiet"
                  icon="topology"
                  label={t('tree.copyPath')}
                  tabIndex={-1}
                  onClick={(event) => {
                    event.stopPropagation();
                    void copyText(row.path);
                  }}
                />
              </span>
            </>
          )}
        </div>
      ))}
    </div>
  );
}

function Value({ row, unfolded, onFold }: { row: JsonRow; unfolded: boolean; onFold: () => void }) {
  const t = useT();
  const { value, kind } = row;
  if (kind === 'object' || kind === 'array') {
    const [before, after] = kind === 'object' ? ['{', '}'] : ['[', ']'];
    if (row.size === 0) return <span className={css['literal']}>{`${before}${after}`}</span>;
    return <span className={css['summary']}>{row.open ? before : `${before} ${t('tree.items', { n: row.size })} ${after}`}</span>;
  }
  if (kind !== 'string') {
    return <span className={css[kind]}>{value instanceof ExactNumber ? value.source : String(value)}</span>;
  }
  const text = String(value);
  const isLong = text.length > LONG_STRING;
  return (
    <span className={css['string']}>
      {`"${isLong && !unfolded ? text.slice(0, LONG_STRING) : text}"`}
      {isLong && (
        <button
          type="button"
          tabIndex={-1}
          className={css['fold']}
          onClick={(event) => {
            event.stopPropagation();
            onFold();
          }}
        >
          {unfolded ? t('tree.hide') : t('tree.show', { n: text.length })}
        </button>
      )}
    </span>
  );
}
