import type { LogColumn } from '../../data/logStore';
import type { ViewMessage } from '../../data/messages';
import { Outcome } from '../../data/outcome';
import type { MessageKey } from '../../shared/i18n/en';
import { useT, type Translate } from '../../shared/i18n/useT';
import { shortNode } from '../../shared/lib/nodeId';
import { clockTime, localDateTime } from '../../shared/lib/time';
import { Button } from '../../shared/ui/Button';
import { Icon } from '../../shared/ui/Icon';
import css from './log.module.css';

interface LogRowProps {
  id: string | undefined;
  view: ViewMessage | null;
  /** Index in the view's window; a row outside of it is blank until its window comes. */
  at: number;
  rowIndex: number;
  top: number;
  columns: readonly LogColumn[];
  template: string;
  isSelected: boolean;
  isPinned: boolean;
  onOpen: (seq: number) => void;
  onPin: (seq: number) => void;
  onFill: (from: number, to: number) => void;
}

const GAP_TEXT: Record<string, MessageKey | undefined> = {
  lagging: 'log.gap.lagging', retention: 'log.gap.retention', filled: 'log.gap.filled', dropped: 'log.gap.dropped',
};
/** Gaps whose records the server still has. */
const CAN_LOAD = new Set(['lagging', 'dropped']);

function gapText(t: Translate, reason: string, from: number, to: number): string {
  return t(GAP_TEXT[reason] ?? 'log.gap.other', { n: to - from + 1, from: String(from), to: String(to) });
}

export function LogRow({ id, view, at, rowIndex, top, columns, template, isSelected, isPinned, onOpen, onPin, onFill }: LogRowProps) {
  const t = useT();
  const seq = view?.seq[at];
  const style = { transform: `translateY(${String(top)}px)`, gridTemplateColumns: template };
  if (view === null || seq === undefined) {
    return (
      <div role="row" aria-rowindex={rowIndex} aria-busy="true" className={`${css['row'] ?? ''} ${css['item'] ?? ''}`} style={style}>
        <span role="gridcell" />
      </div>
    );
  }
  if (view.outcome[at] === Outcome.Gap) {
    const reason = view.kind[at] ?? '';
    const to = view.gapTo[at] ?? seq;
    return (
      <div role="row" id={id} aria-rowindex={rowIndex} className={`${css['item'] ?? ''} ${css['gap'] ?? ''}`} style={style}>
        <span role="gridcell" aria-colspan={columns.length}>
          {gapText(t, reason, seq, to)}{' '}
          {CAN_LOAD.has(reason) && (
            <Button look="link" onClick={() => { onFill(seq, to); }}>
              {t('log.gapLoad')}
            </Button>
          )}
        </span>
      </div>
    );
  }
  return (
    // The grid has the focus and handles the keys.
    // eslint-disable-next-line jsx-a11y/click-events-have-key-events, jsx-a11y/interactive-supports-focus
    <div
      role="row"
      id={id}
      aria-rowindex={rowIndex}
      aria-selected={isSelected}
      className={`${css['row'] ?? ''} ${css['item'] ?? ''}`}
      data-outcome={view.outcome[at]}
      data-pinned={isPinned}
      style={style}
      onClick={() => {
        onOpen(seq);
      }}
    >
      {columns.map((column) => (
        <Cell key={column} column={column} view={view} at={at} seq={seq} isPinned={isPinned} onPin={onPin} />
      ))}
    </div>
  );
}

function Cell({ column, view, at, seq, isPinned, onPin }: { column: LogColumn; view: ViewMessage; at: number; seq: number; isPinned: boolean; onPin: (seq: number) => void }) {
  const t = useT();
  const timeUs = view.timeUs[at] ?? 0;
  const source = view.source[at] ?? '';
  const target = view.target[at] ?? '';
  switch (column) {
    case 'seq':
      return (
        <span role="gridcell" className={css['seq']}>
          {/* The key `m` does the same. */}
          <button
            type="button"
            tabIndex={-1}
            className={css['pin']}
            aria-pressed={isPinned}
            aria-label={t(isPinned ? 'log.unpin' : 'log.pin', { seq: String(seq) })}
            onClick={(event) => {
              event.stopPropagation();
              onPin(seq);
            }}
          >
            <Icon name="pin" size={12} />
          </button>
          {seq}
        </span>
      );
    case 'time':
      return (
        <span role="gridcell" className={css['time']} title={localDateTime(timeUs)}>
          {clockTime(timeUs)}
        </span>
      );
    case 'type':
      return (
        <span role="gridcell" className={css['type']} title={view.kind[at]}>
          {view.kind[at]}
        </span>
      );
    case 'route':
      return (
        <span role="gridcell" title={target === '' ? source : `${source} → ${target}`}>
          <Route source={source} target={target} />
        </span>
      );
    case 'session':
      return (
        <span role="gridcell" className={css['muted']} title={view.session[at]}>
          {view.session[at]}
        </span>
      );
    case 'outcome':
      return (
        <span role="gridcell" className={css['outcome']}>
          <OutcomeSign outcome={view.outcome[at] ?? Outcome.None} />
        </span>
      );
    case 'bytes':
      return (
        <span role="gridcell" className={css['bytes']}>
          {view.bytes[at]}
        </span>
      );
    case 'preview':
      return (
        <span role="gridcell" className={css['preview']}>
          {view.preview[at] ?? ''}
        </span>
      );
  }
}

export function Route({ source, target }: { source: string; target: string }) {
  return (
    <>
      {shortNode(source)}
      {target !== '' && (
        <>
          <span className={css['arrow']}> → </span>
          {shortNode(target)}
        </>
      )}
    </>
  );
}

export function OutcomeSign({ outcome }: { outcome: number }) {
  const t = useT();
  if (outcome === Outcome.Ok) {
    return (
      <span className={css['ok']}>
        <Icon name="ok" size={12} /> {t('outcome.ok')}
      </span>
    );
  }
  if (outcome === Outcome.Error) {
    return (
      <span className={css['error']}>
        <Icon name="error" size={12} /> {t('outcome.error')}
      </span>
    );
  }
  return <span className="visually-hidden">{t('outcome.none')}</span>;
}
