import { useT } from '../i18n/useT';
import { copyText } from '../lib/clipboard';
import { ExactNumber } from '../lib/exactJson';
import { IconButton } from './Button';
import { byteSize, foldedText } from './foldedText';
import { Icon, type IconName } from './Icon';
import { valueText, type JsonRow } from './jsonRows';
import { matchParts, scalarText } from './jsonSearch';
import css from './jsonTree.module.css';

export interface RowAction {
  icon: IconName;
  label: string;
  applies: (row: JsonRow) => boolean;
  run: (row: JsonRow) => void;
}

interface JsonTreeRowProps {
  row: JsonRow;
  query: string;
  isFocusable: boolean;
  isCurrent: boolean;
  isUnfolded: boolean;
  actions: readonly RowAction[];
  onFold: () => void;
  onClick: () => void;
  onFocus: () => void;
}

const SIGNS = { added: '+', removed: '−', changed: '±', inside: '', same: '' } as const;
/** As much of a former value as stands beside the present one. */
const FORMER_AT_MOST = 200;

/** One row of a tree. */
export function JsonTreeRow({ row, query, isFocusable, isCurrent, isUnfolded, actions, onFold, onClick, onFocus }: JsonTreeRowProps) {
  const t = useT();
  const { mark } = row;
  return (
    // Keys are handled by the tree, which owns the focus.
    // eslint-disable-next-line jsx-a11y/click-events-have-key-events
    <div
      role="treeitem"
      aria-level={row.depth + 1}
      aria-posinset={row.position}
      aria-setsize={row.siblings}
      aria-selected={isFocusable}
      {...(row.size > 0 && row.kind !== 'more' ? { 'aria-expanded': row.open } : {})}
      tabIndex={isFocusable ? 0 : -1}
      className={css['row']}
      data-mark={mark}
      data-current={isCurrent}
      style={{ paddingInlineStart: 4 + row.depth * 14 }}
      onClick={onClick}
      onFocus={onFocus}
    >
      {row.kind === 'more' ? (
        <span className={css['more']}>{t('tree.unchanged', { n: row.size })}</span>
      ) : (
        <>
          {mark !== undefined && (
            <span className={css['sign']}>
              <span aria-hidden="true">{SIGNS[mark]}</span>
              {SIGNS[mark] !== '' && <span className="visually-hidden">{`${t(`tree.mark.${mark as 'added' | 'removed' | 'changed'}`)}: `}</span>}
            </span>
          )}
          <span className={css['twist']} data-open={row.open}>
            {row.size > 0 && <Icon name="chevron" size={10} />}
          </span>
          <span className={css['key']}>
            <Marked text={row.label} query={query} />
          </span>
          <span className={css['colon']}>: </span>
          <span className={css['value']}>
            {'before' in row && (
              <>
                <del className={css['former']}>{former(row.before)}</del>
                <span className={css['colon']}> → </span>
              </>
            )}
            <Value row={row} query={query} isUnfolded={isUnfolded} onFold={onFold} />
          </span>
          <Actions row={row} actions={actions} />
        </>
      )}
    </div>
  );
}

function former(value: unknown): string {
  const text = typeof value === 'string' ? `"${value}"` : valueText(value).replaceAll(/\s+/g, ' ');
  return text.length > FORMER_AT_MOST ? `${text.slice(0, FORMER_AT_MOST)}…` : text;
}

function Actions({ row, actions }: { row: JsonRow; actions: readonly RowAction[] }) {
  const t = useT();
  const copying: RowAction[] = [
    { icon: 'copy', label: t('tree.copyValue'), applies: () => true, run: (it) => void copyText(valueText(it.value)) },
    { icon: 'topology', label: t('tree.copyPath'), applies: () => true, run: (it) => void copyText(it.path) },
  ];
  return (
    <span className={css['actions']}>
      {[...actions, ...copying]
        .filter(({ applies }) => applies(row))
        .map(({ icon, label, run }) => (
          <IconButton
            key={label}
            look="quiet"
            icon={icon}
            label={label}
            tabIndex={-1}
            onClick={(event) => {
              event.stopPropagation();
              run(row);
            }}
          />
        ))}
    </span>
  );
}

function Marked({ text, query }: { text: string; query: string }) {
  if (query.trim() === '') return text;
  return matchParts(text, query).map(({ text: part, isMatch }, index) => (isMatch ? <mark key={index}>{part}</mark> : part));
}

function Value({ row, query, isUnfolded, onFold }: { row: JsonRow; query: string; isUnfolded: boolean; onFold: () => void }) {
  const t = useT();
  const { value, kind } = row;
  if (kind === 'object' || kind === 'array') {
    const [before, after] = kind === 'object' ? ['{', '}'] : ['[', ']'];
    if (row.size === 0) return <span className={css['literal']}>{`${before}${after}`}</span>;
    return <span className={css['summary']}>{row.open ? before : `${before} ${t('tree.items', { n: row.size })} ${after}`}</span>;
  }
  if (kind !== 'string') {
    return (
      <span className={css[kind]}>
        <Marked text={value instanceof ExactNumber ? value.source : (scalarText(value) ?? '')} query={query} />
      </span>
    );
  }
  const text = String(value);
  const folded = foldedText(text);
  return (
    <span className={css['string']}>
      {'"'}
      <Marked text={folded !== null && !isUnfolded ? folded.start : text} query={query} />
      {'"'}
      {folded !== null && folded.kind !== 'text' && (
        <span className={css['kind']}>{`${folded.kind === 'data' ? (folded.media ?? t('tree.data')) : t('tree.base64')} · ${byteSize(folded.bytes)}`}</span>
      )}
      {folded !== null && (
        <button
          type="button"
          tabIndex={-1}
          className={css['fold']}
          onClick={(event) => {
            event.stopPropagation();
            onFold();
          }}
        >
          {isUnfolded ? t('tree.hide') : t('tree.show', { n: text.length })}
        </button>
      )}
    </span>
  );
}
