import { lazy, Suspense, useEffect, useMemo, useRef, useState, type ReactNode } from 'react';
import { select, selectionOf } from '../data/selection';
import { VIEWS, type ViewName } from '../data/urlState';
import { setUrlState, useUrlState } from '../data/useUrlState';
import { useT } from '../shared/i18n/useT';
import { isTyping } from '../shared/lib/keys';
import { PANEL_WIDTH, setPrefs, usePrefs } from '../shared/prefs';
import { IconButton } from '../shared/ui/Button';
import controls from '../shared/ui/controls.module.css';
import { PaneContext } from '../shared/ui/pane';
import { Splitter } from '../shared/ui/Splitter';
import { ErrorBoundary } from './ErrorBoundary';
import { VIEW_COMPONENTS } from './views';
import css from './workbench.module.css';

const MIN_PANE = 320;

type Side = 'view' | 'beside';

/** Comes with the first selection. */
const Inspector = lazy(async () => ({ default: (await import('../features/inspector/Inspector')).Inspector }));

/** One view or two side by side, and the inspector of what is selected. */
export function Workbench() {
  const t = useT();
  const url = useUrlState();
  const { view, beside } = url;
  const selection = selectionOf(url);
  const { panelWidth, besideShare } = usePrefs();
  const panes = useRef<HTMLDivElement>(null);
  const [width, setWidth] = useState(0);
  const [active, setActive] = useState<Side>('view');
  const inUse = beside === null ? 'view' : active;
  const latest = useRef(inUse);
  useEffect(() => {
    latest.current = inUse;
  }, [inUse]);

  useEffect(() => {
    const element = panes.current;
    if (element === null) return undefined;
    const observer = new ResizeObserver(() => {
      setWidth(element.clientWidth);
    });
    observer.observe(element);
    return () => {
      observer.disconnect();
    };
  }, []);

  useEffect(() => {
    const onKey = (event: KeyboardEvent): void => {
      if (event.key !== 'Escape' || event.defaultPrevented || isTyping(event.target) || document.querySelector('dialog[open]') !== null) return;
      select(null, 'replace');
    };
    window.addEventListener('keydown', onKey);
    return () => {
      window.removeEventListener('keydown', onKey);
    };
  }, []);

  const besideWidth = Math.max(MIN_PANE, Math.min(width - MIN_PANE, width * besideShare));
  const pane = (side: Side, name: ViewName): ReactNode => (
    <ViewPane name={name} isActive={() => latest.current === side} onUse={() => { setActive(side); }} isMarked={beside !== null && inUse === side}>
      {beside !== null && <PaneBar side={side} name={name} />}
    </ViewPane>
  );
  return (
    <div className={css['workbench']}>
      <div ref={panes} className={css['panes']}>
        {pane('view', view)}
        {beside !== null && (
          <>
            <Splitter
              label={t('workbench.splitter')}
              value={besideWidth}
              min={MIN_PANE}
              max={Math.max(MIN_PANE, width - MIN_PANE)}
              part="after"
              onChange={(value) => {
                if (width > 0) setPrefs({ besideShare: value / width });
              }}
            />
            <div className={css['beside']} style={{ width: besideWidth }}>
              {pane('beside', beside)}
            </div>
          </>
        )}
      </div>
      {selection !== null && (
        <>
          <Splitter
            label={t('splitter.label')}
            value={panelWidth}
            min={PANEL_WIDTH.min}
            max={PANEL_WIDTH.max}
            part="after"
            onChange={(value) => {
              setPrefs({ panelWidth: value });
            }}
          />
          <div className={css['panel']} style={{ width: panelWidth }}>
            <Suspense fallback={<p className={css['loading']}>{t('app.loading')}</p>}>
              <Inspector selection={selection} />
            </Suspense>
          </div>
        </>
      )}
    </div>
  );
}

interface ViewPaneProps {
  name: ViewName;
  isActive: () => boolean;
  isMarked: boolean;
  onUse: () => void;
  children: ReactNode;
}

function ViewPane({ name, isActive, isMarked, onUse, children }: ViewPaneProps) {
  const t = useT();
  const asked = useRef(isActive);
  asked.current = isActive;
  const context = useMemo(() => ({ isActive: () => asked.current() }), []);
  const View = VIEW_COMPONENTS[name];
  return (
    // Whatever is done in a pane makes it the one that keys go to.
    <div className={css['pane']} data-active={isMarked} onPointerDownCapture={onUse} onFocusCapture={onUse}>
      {children}
      <PaneContext.Provider value={context}>
        <ErrorBoundary key={name} message={t('app.failed')} action={t('app.reload')}>
          <Suspense fallback={<p className={css['loading']}>{t('app.loading')}</p>}>
            <View />
          </Suspense>
        </ErrorBoundary>
      </PaneContext.Provider>
    </div>
  );
}

/** What a pane shows, while there are two. */
function PaneBar({ side, name }: { side: Side; name: ViewName }) {
  const t = useT();
  const { view, beside } = useUrlState();
  return (
    <div className={css['paneBar']}>
      <select
        className={controls['select']}
        aria-label={t(side === 'view' ? 'workbench.left' : 'workbench.right')}
        value={name}
        onChange={(event) => {
          const chosen = event.target.value as ViewName;
          const other = side === 'view' ? beside : view;
          // To choose what the other pane shows exchanges the two.
          if (chosen === other) setUrlState({ view: beside ?? view, beside: view }, 'push');
          else setUrlState({ [side]: chosen }, 'push');
        }}
      >
        {VIEWS.map((option) => (
          <option key={option} value={option}>
            {t(`view.${option}`)}
          </option>
        ))}
      </select>
      <IconButton
        icon="close"
        look="quiet"
        label={t('workbench.closePane', { view: t(`view.${name}`) })}
        onClick={() => {
          setUrlState({ view: side === 'view' ? (beside ?? view) : view, beside: null }, 'push');
        }}
      />
    </div>
  );
}
