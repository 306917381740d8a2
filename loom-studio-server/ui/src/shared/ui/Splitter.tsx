import { useRef } from 'react';
import css from './splitter.module.css';

const KEY_STEP = 24;

interface SplitterProps {
  label: string;
  /** Size in pixels of the part that the handle sizes. */
  value: number;
  min: number;
  max: number;
  /** Where that part lies: to move the handle towards it makes it smaller. */
  part: 'before' | 'after';
  onChange: (value: number) => void;
}

/** A handle between two parts, side by side, that the pointer or the arrow keys move. */
export function Splitter({ label, value, min, max, part, onChange }: SplitterProps) {
  const drag = useRef<{ x: number; value: number } | null>(null);
  const sign = part === 'before' ? 1 : -1;
  const resize = (wanted: number): void => {
    onChange(Math.round(Math.min(max, Math.max(min, wanted))));
  };
  return (
    // A focusable separator is a widget: it has a value and answers to the arrow keys.
    // eslint-disable-next-line jsx-a11y/no-noninteractive-element-interactions
    <div
      role="separator"
      aria-orientation="vertical"
      aria-label={label}
      aria-valuenow={Math.round(value)}
      aria-valuemin={min}
      aria-valuemax={Math.round(max)}
      // eslint-disable-next-line jsx-a11y/no-noninteractive-tabindex
      tabIndex={0}
      className={css['separator']}
      onPointerDown={(event) => {
        event.currentTarget.setPointerCapture(event.pointerId);
        drag.current = { x: event.clientX, value };
      }}
      onPointerMove={(event) => {
        if (drag.current !== null) resize(drag.current.value + sign * (event.clientX - drag.current.x));
      }}
      onPointerUp={() => {
        drag.current = null;
      }}
      onPointerCancel={() => {
        drag.current = null;
      }}
      onKeyDown={(event) => {
        if (event.key === 'ArrowLeft') resize(value - sign * KEY_STEP);
        else if (event.key === 'ArrowRight') resize(value + sign * KEY_STEP);
        else return;
        event.preventDefault();
        event.stopPropagation();
      }}
    />
  );
}
