import type { ViewMessage } from '../../data/messages';
import { Outcome } from '../../data/outcome';
import type { MessageKey } from '../../shared/i18n/en';
import { useT, type Translate } from '../../shared/i18n/useT';
import { shortNode } from '../../shared/lib/nodeId';
import { clockTime, localDateTime } from '../../shared/lib/time';
import { Icon } from '../../shared/ui/Icon';
import css from './log.module.css';

interface LogRowProps {
  id: string | undefined;
  view: ViewMessage | null;
  /** Index in the view's window; a row outside of it is blank until its window comes. */
  at: number;
  rowIndex: number;
  top: number;
  isSelected: boolean;
  onOpen: (seq: number) => void;
}

const GAP_TEXT: Record<string, MessageKey | undefined> = { lagging: 'log.gap.lagging', retention: 'log.gap.retention' };

function gapText(t: Translate, reason: string, from: number, to: number): string {
  return t(GAP_TEXT[reason] ?? 'log.gap.other', { n: to - from + 1, from: String(from), to: String(to) });
}

export function LogRow({ id, view, at, rowIndex, top, isSelected, onOpen }: LogRowProps) {
  const t = useT();
  const seq = view?.seq[at];
  const style = { transform: `translateY(${String(top)}px)` };
  if (view === null || seq === undefined) {
    return (
      <div role="row" aria-rowindex={rowIndex} aria-busy="true" className={`${css['row'] ?? ''} ${css['item'] ?? ''}`} style={style}>
        <span role="gridcell" />
      </div>
    );
  }
  const outcome = view.outcome[at] ?? Outcome.None;
  if (outcome === Outcome.Gap) {
    return (
      <div role="row" id={id} aria-rowindex={rowIndex} className={`${css['item'] ?? ''} ${css['gap'] ?? ''}`} style={style}>
        <span role="gridcell" aria-colspan={7}>
          {gapText(t, view.kind[at] ?? '', seq, view.gapTo[at] ?? seq)}
        </span>
      </div>
    );
  }
  const timeUs = view.timeUs[at] ?? 0;
  const source = view.source[at] ?? '';
  const target = view.target[at] ?? '';
  return (
    // The grid has the focus and handles the keys.
    // eslint-disable-next-line jsx-a11y/click-events-have-key-events, jsx-a11y/interactive-supports-focus
    <div
      role="row"
      id={id}
      aria-rowindex={rowIndex}
      aria-selected={isSelected}
      className={`${css['row'] ?? ''} ${css['item'] ?? ''}`}
      data-outcome={outcome}
      style={style}
      onClick={() => {
        onOpen(seq);
      }}
    >
      <span role="gridcell" className={css['seq']}>
        {seq}
      </span>
      <span role="gridcell" className={css['time']} title={localDateTime(timeUs)}>
        {clockTime(timeUs)}
      </span>
      <span role="gridcell" className={css['type']} title={view.kind[at]}>
        {view.kind[at]}
      </span>
      <span role="gridcell" title={target === '' ? source : `${source} → ${target}`}>
        {shortNode(source)}
        {target !== '' && (
          <>
            <span className={css['arrow']}> → </span>
            {shortNode(target)}
          </>
        )}
      </span>
      <span role="gridcell" className={css['muted']} title={view.session[at]}>
        {view.session[at]}
      </span>
      <span role="gridcell" className={css['outcome']}>
        {outcome === Outcome.Ok && (
          <span className={css['ok']}>
            <Icon name="ok" size={12} /> {t('outcome.ok')}
          </span>
        )}
        {outcome === Outcome.Error && (
          <span className={css['error']}>
            <Icon name="error" size={12} /> {t('outcome.error')}
          </span>
        )}
        {outcome === Outcome.None && <span className="visually-hidden">{t('outcome.none')}</span>}
      </span>
      <span role="gridcell" className={css['preview']}>
        {view.preview[at] ?? ''}
      </span>
    </div>
  );
}
