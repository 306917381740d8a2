import { defaultRangeExtractor, useVirtualizer } from '@tanstack/react-virtual';
import { useEffect, useImperativeHandle, useRef, useState, type Key, type KeyboardEvent, type ReactNode, type Ref } from 'react';
import css from './jsonTree.module.css';

/** Up to so many rows are all there, so that a page's own search finds them and no height is a guess. */
const ALL_AT_MOST = 300;
const ROW_HEIGHT = 20;

export interface RowListHandle {
  focus: (index: number) => void;
  /** Brings a row into sight, also one that comes with the next render. */
  reveal: (index: number, takesFocus: boolean) => void;
}

interface RowListProps {
  id: string;
  label: string;
  count: number;
  /** A row that stays there out of sight: the one with the focus. */
  kept: number;
  fills: boolean;
  keyOf: (index: number) => Key;
  renderRow: (index: number) => ReactNode;
  onKeyDown: (event: KeyboardEvent) => void;
  ref: Ref<RowListHandle>;
}

/** The rows of a tree: all of them, or of many those in sight, in a box that scrolls. */
export function RowList({ id, label, count, kept, fills, keyOf, renderRow, onKeyDown, ref }: RowListProps) {
  const box = useRef<HTMLDivElement>(null);
  const [target, setTarget] = useState<{ index: number; takesFocus: boolean } | null>(null);
  const isVirtual = count > ALL_AT_MOST;
  const virtualizer = useVirtualizer({
    count: isVirtual ? count : 0,
    getScrollElement: () => box.current,
    estimateSize: () => ROW_HEIGHT,
    getItemKey: keyOf,
    overscan: 16,
    rangeExtractor: (range) => {
      const indexes = defaultRangeExtractor(range);
      if (kept < count && !indexes.includes(kept)) indexes.push(kept);
      return indexes.sort((a, b) => a - b);
    },
  });
  const rowAt = (index: number): HTMLElement | null =>
    isVirtual
      ? (box.current?.querySelector<HTMLElement>(`[data-index="${String(index)}"] > [role="treeitem"]`) ?? null)
      : (box.current?.querySelectorAll<HTMLElement>('[role="treeitem"]')[index] ?? null);

  useImperativeHandle(ref, () => ({
    focus: (index) => {
      const row = rowAt(index);
      if (row === null) setTarget({ index, takesFocus: true });
      else row.focus();
    },
    reveal: (index, takesFocus) => {
      setTarget({ index, takesFocus });
    },
  }));
  useEffect(() => {
    if (target === null) return undefined;
    if (isVirtual) virtualizer.scrollToIndex(target.index, { align: target.takesFocus ? 'auto' : 'center' });
    const frame = requestAnimationFrame(() => {
      const row = rowAt(target.index);
      if (target.takesFocus) row?.focus({ preventScroll: isVirtual });
      else if (!isVirtual) row?.scrollIntoView({ block: 'nearest' });
    });
    return () => {
      cancelAnimationFrame(frame);
    };
    // A target is gone to once.
    // eslint-disable-next-line react-hooks/exhaustive-deps
  }, [target]);

  return (
    <div
      ref={box}
      id={id}
      role="tree"
      aria-label={label}
      className={`${css['tree'] ?? ''} ${isVirtual ? (css['box'] ?? '') : ''} ${fills ? (css['fills'] ?? '') : ''}`}
      tabIndex={-1}
      onKeyDown={onKeyDown}
    >
      {isVirtual ? (
        <div role="presentation" className={css['all']} style={{ height: virtualizer.getTotalSize() }}>
          {virtualizer.getVirtualItems().map((item) => (
            <div
              key={item.key}
              ref={virtualizer.measureElement}
              data-index={item.index}
              role="presentation"
              className={css['placed']}
              style={{ transform: `translateY(${String(item.start)}px)` }}
            >
              {renderRow(item.index)}
            </div>
          ))}
        </div>
      ) : (
        Array.from({ length: count }, (_, index) => renderRow(index))
      )}
    </div>
  );
}
