import { useRef, type ReactNode } from 'react';
import { useT } from '../i18n/useT';
import { PANEL_WIDTH, setPrefs, usePrefs } from '../prefs';
import css from './splitPane.module.css';

/** Content with an optional panel at its right, whose width the pointer or the arrow keys change. */
export function SplitPane({ children, panel }: { children: ReactNode; panel: ReactNode }) {
  const t = useT();
  const width = usePrefs((prefs) => prefs.panelWidth);
  const drag = useRef<{ x: number; width: number } | null>(null);
  const resize = (wanted: number): void => {
    setPrefs({ panelWidth: Math.round(Math.min(PANEL_WIDTH.max, Math.max(PANEL_WIDTH.min, wanted))) });
  };
  return (
    <div className={css['split']}>
      <div className={css['content']}>{children}</div>
      {panel !== null && (
        <>
          {/* A focusable separator is a widget: it has a value and answers to the arrow keys. */}
          {/* eslint-disable-next-line jsx-a11y/no-noninteractive-element-interactions */}
          <div
            role="separator"
            aria-orientation="vertical"
            aria-label={t('splitter.label')}
            aria-valuenow={width}
            aria-valuemin={PANEL_WIDTH.min}
            aria-valuemax={PANEL_WIDTH.max}
            // eslint-disable-next-line jsx-a11y/no-noninteractive-tabindex
            tabIndex={0}
            className={css['separator']}
            onPointerDown={(event) => {
              event.currentTarget.setPointerCapture(event.pointerId);
              drag.current = { x: event.clientX, width };
            }}
            onPointerMove={(event) => {
              if (drag.current !== null) resize(drag.current.width + drag.current.x - event.clientX);
            }}
            onPointerUp={() => {
              drag.current = null;
            }}
            onPointerCancel={() => {
              drag.current = null;
            }}
            onKeyDown={(event) => {
              if (event.key === 'ArrowLeft') resize(width + 24);
              else if (event.key === 'ArrowRight') resize(width - 24);
              else return;
              event.preventDefault();
            }}
          />
          <div className={css['panel']} style={{ width }}>
            {panel}
          </div>
        </>
      )}
    </div>
  );
}
