import { useVirtualizer } from '@tanstack/react-virtual';
import { useEffect, useImperativeHandle, useLayoutEffect, useRef, type Ref } from 'react';
import { dataClient } from '../../data/client';
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
}

const rowId = (seq: number): string => `event-${String(seq)}`;

/** The rows, as a grid of which only what is visible exists. */
export function LogGrid({ ref, view, cursor, revealSeq, following, onFollowing, onOpen }: LogGridProps) {
  const t = useT();
  const client = dataClient();
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
  const before = useRef({ base: range.base, filterId: view?.filterId });
  useLayoutEffect(() => {
    const element = scroller.current;
    if (element === null) return;
    const shift = before.current.filterId === view?.filterId ? range.base - before.current.base : 0;
    before.current = { base: range.base, filterId: view?.filterId };
    if (following) element.scrollTop = element.scrollHeight;
    else if (shift > 0) element.scrollTop -= shift * ROW_HEIGHT;
  }, [following, range.base, range.count, view?.filterId]);

  const lastTop = useRef(0);
  const onScroll = (): void => {
    const element = scroller.current;
    if (element === null) return;
    const isAtEnd = element.scrollHeight - element.scrollTop - element.clientHeight < ROW_HEIGHT;
    const wentUp = element.scrollTop < lastTop.current - 1;
    lastTop.current = element.scrollTop;
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

  const cursorShown =
    cursor !== null && items.some(({ index }) => view?.seq[range.base + index - view.offset] === cursor) ? rowId(cursor) : undefined;

  return (
    <div
      ref={scroller}
      role="grid"
      aria-label={t('log.grid')}
      aria-rowcount={range.count + 1}
      aria-colcount={7}
      aria-activedescendant={cursorShown}
      tabIndex={0}
      className={css['scroller']}
      onScroll={onScroll}
    >
      <div role="rowgroup" className={css['head']}>
        <div role="row" aria-rowindex={1} className={css['row']}>
          {(['seq', 'time', 'type', 'route', 'session', 'outcome', 'preview'] as const).map((name) => (
            <span key={name} role="columnheader">
              {t(`log.col.${name}`)}
            </span>
          ))}
        </div>
      </div>
      <div role="rowgroup" className={css['rows']} style={{ height: virtualizer.getTotalSize() }}>
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
