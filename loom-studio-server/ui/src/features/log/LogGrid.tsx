import { useVirtualizer } from '@tanstack/react-virtual';
import { useEffect, useImperativeHandle, useLayoutEffect, useRef, type Ref } from 'react';
import { dataClient } from '../../data/client';
import { LOG_COLUMNS, useLogStore, type LogColumn } from '../../data/logStore';
import type { ViewMessage } from '../../data/messages';
import { useT } from '../../shared/i18n/useT';
import css from './log.module.css';
import { LogRow } from './LogRow';
import { listRange, ROW_HEIGHT, wantedWindow } from './logWindow';

export interface LogGridHandle {
  focus: () => void;
  /** Brings the row of an ordinal into sight. */
  reveal: (ordinal: number) => void;
  pageRows: () => number;
}

interface LogGridProps {
  ref: Ref<LogGridHandle>;
  view: ViewMessage | null;
  cursor: number | null;
  /** An event to bring into sight once, when the view first has it: a reloaded page shows what it showed. */
  revealSeq: number | null;
  following: boolean;
  onFollowing: (following: boolean) => void;
  onOpen: (seq: number) => void;
  pinned: ReadonlySet<number>;
  onPin: (seq: number) => void;
}

/** Widths of the columns, and what the grid is wide at least. */
const WIDTHS: Record<LogColumn, { track: string; least: number }> = {
  seq: { track: '84px', least: 84 },
  time: { track: '92px', least: 92 },
  type: { track: 'minmax(110px, 170px)', least: 110 },
  route: { track: 'minmax(150px, 270px)', least: 150 },
  session: { track: 'minmax(56px, 96px)', least: 56 },
  outcome: { track: '64px', least: 64 },
  bytes: { track: '64px', least: 64 },
  preview: { track: 'minmax(140px, 1fr)', least: 140 },
};
const COLUMN_GAP = 12;

const rowId = (seq: number): string => `event-${String(seq)}`;

/** The rows, as a grid of which only what is visible exists. */
export function LogGrid({ ref, view, cursor, revealSeq, following, onFollowing, onOpen, pinned, onPin }: LogGridProps) {
  const t = useT();
  const client = dataClient();
  const hidden = useLogStore((store) => store.hidden);
  const columns = LOG_COLUMNS.filter((column) => !hidden.includes(column));
  const template = columns.map((column) => WIDTHS[column].track).join(' ');
  const minWidth = columns.reduce((sum, column) => sum + WIDTHS[column].least + COLUMN_GAP, COLUMN_GAP);
  const scroller = useRef<HTMLDivElement>(null);
  const range = listRange(view?.first ?? 0, view?.end ?? 0);
  const virtualizer = useVirtualizer({
    count: range.count,
    getScrollElement: () => scroller.current,
    estimateSize: () => ROW_HEIGHT,
    overscan: 12,
  });
  const items = virtualizer.getVirtualItems();

  const scrollToOrdinal = (ordinal: number, align: 'auto' | 'center'): void => {
    virtualizer.scrollToIndex(Math.max(0, ordinal - range.base), { align });
  };
  useImperativeHandle(ref, () => ({
    focus: () => scroller.current?.focus(),
    reveal: (ordinal) => {
      scrollToOrdinal(ordinal, 'auto');
    },
    pageRows: () => Math.max(1, Math.floor((scroller.current?.clientHeight ?? 0) / ROW_HEIGHT) - 2),
  }));

  const from = items[0]?.index ?? 0;
  const to = items.at(-1)?.index ?? 40;
  const wanted = wantedWindow(range, from, to, following);
  useEffect(() => {
    client.setWindow(wanted.first, wanted.count);
  }, [client, wanted.first, wanted.count]);

  // Following: stay at the end. Otherwise: when old rows leave the front, what is on screen stays where it is.
  const list = `${String(view?.filterId)} ${String(view?.isServers)}`;
  const before = useRef({ base: range.base, list });
  useLayoutEffect(() => {
    const element = scroller.current;
    if (element === null) return;
    const shift = before.current.list === list ? range.base - before.current.base : 0;
    before.current = { base: range.base, list };
    if (following) element.scrollTop = element.scrollHeight;
    // Rows that came before the first push what is on screen down.
    else if (shift !== 0) element.scrollTop -= shift * ROW_HEIGHT;
  }, [following, range.base, range.count, list]);

  const lastTop = useRef(0);
  const onScroll = (): void => {
    const element = scroller.current;
    if (element === null) return;
    const isAtEnd = element.scrollHeight - element.scrollTop - element.clientHeight < ROW_HEIGHT;
    const wentUp = element.scrollTop < lastTop.current - 1;
    lastTop.current = element.scrollTop;
    if (wentUp && element.scrollTop < ROW_HEIGHT && view !== null && view.older !== null && !view.isLoading && view.problem === null) client.loadOlder();
    if (following && wentUp && !isAtEnd) onFollowing(false);
    else if (!following && isAtEnd && !wentUp && cursor === null) onFollowing(true);
  };

  const revealed = useRef(false);
  const newest = view !== null && view.offset + view.seq.length === view.end ? (view.seq.at(-1) ?? 0) : 0;
  useEffect(() => {
    if (revealed.current) return;
    if (revealSeq === null) {
      revealed.current = true;
    } else if (newest >= revealSeq) {
      revealed.current = true;
      onFollowing(false);
      void client.step(revealSeq, 0).then(({ ordinal }) => {
        scrollToOrdinal(ordinal, 'center');
      });
    }
  });

  const fill = (from: number, to: number): void => {
    onFollowing(false);
    client.fillGap(from, to);
  };

  const cursorShown =
    cursor !== null && items.some(({ index }) => view?.seq[range.base + index - view.offset] === cursor) ? rowId(cursor) : undefined;

  return (
    <div
      ref={scroller}
      role="grid"
      aria-label={t('log.grid')}
      aria-rowcount={range.count + 1}
      aria-colcount={columns.length}
      aria-activedescendant={cursorShown}
      tabIndex={0}
      className={css['scroller']}
      onScroll={onScroll}
    >
      <div role="rowgroup" className={css['head']}>
        <div role="row" aria-rowindex={1} className={css['row']} style={{ gridTemplateColumns: template, minWidth }}>
          {columns.map((name) => (
            <span key={name} role="columnheader">
              {t(`log.col.${name}`)}
            </span>
          ))}
        </div>
      </div>
      <div role="rowgroup" className={css['rows']} style={{ height: virtualizer.getTotalSize(), minWidth }}>
        {items.map(({ index, start }) => {
          const at = view === null ? -1 : range.base + index - view.offset;
          const seq = view?.seq[at];
          return (
            <LogRow
              key={range.base + index}
              id={seq === undefined ? undefined : rowId(seq)}
              view={view}
              at={at}
              rowIndex={index + 2}
              top={start}
              columns={columns}
              template={template}
              isPinned={seq !== undefined && pinned.has(seq)}
              onPin={onPin}
              onFill={fill}
              isSelected={seq !== undefined && seq === cursor}
              onOpen={onOpen}
            />
          );
        })}
      </div>
      {view !== null && range.count === 0 && <p className={css['none']}>{t('log.none')}</p>}
    </div>
  );
}
