import { useCallback, useMemo, useState } from 'react';
import { useConnection } from '../../data/connectionStore';
import { select } from '../../data/selection';
import { timeAxis } from '../../data/timeAxis';
import { setUrlState, useUrlState } from '../../data/useUrlState';
import { useT } from '../../shared/i18n/useT';
import { clockTime } from '../../shared/lib/time';
import { setPrefs, usePrefs } from '../../shared/prefs';
import { Button, IconButton } from '../../shared/ui/Button';
import controls from '../../shared/ui/controls.module.css';
import { Canvas } from './Canvas';
import { linesOf, type Group } from './lanes';
import css from './timeline.module.css';
import { TimelineTable } from './TimelineTable';
import { useExtent } from './useTimeline';
import { zoom, type Viewport } from './viewport';

const ZOOM_STEP = 1.6;

/** Events and calls over time, a lane for each node. */
export default function TimelineView() {
  const t = useT();
  const { table, range } = useUrlState();
  const extent = useExtent();
  const pins = usePrefs((prefs) => prefs.pins);
  const [viewport, setViewport] = useState<Viewport>({ mode: 'fit' });
  const [compress, setCompress] = useState(true);
  const [folded, setFolded] = useState<ReadonlySet<Group>>(new Set());
  const [shown, setShown] = useState<number | null>(null);
  const heldFirst = useConnection((status) => status.heldFirstSeq);
  const serverFirst = useConnection((status) => status.serverFirstSeq);
  const isLive = useConnection((status) => status.rate > 0);
  const axis = useMemo(() => (extent === null ? null : timeAxis(extent.fromUs, extent.toUs, compress ? extent.gaps : [])), [extent, compress]);
  const pinned = useMemo(() => new Set(pins), [pins]);
  const lines = useMemo(() => linesOf(extent?.lanes ?? [], folded, pinned), [extent, folded, pinned]);
  const end = axis?.to ?? 1;
  const onNode = useCallback((node: string) => {
    select({ node });
  }, []);
  const onFold = useCallback((group: Group) => {
    setFolded((before) => {
      const next = new Set(before);
      if (!next.delete(group)) next.add(group);
      return next;
    });
  }, []);
  const onPin = useCallback((node: string) => {
    const { pins: now } = usePrefs.getState();
    setPrefs({ pins: now.includes(node) ? now.filter((pin) => pin !== node) : [...now, node] });
  }, []);
  const firstError = extent?.firstError ?? null;
  return (
    <>
      <h1 className="visually-hidden">{t('view.timeline')}</h1>
      <div className={css['bar']}>
        <Button
          icon="table"
          aria-pressed={table}
          onClick={() => {
            setUrlState({ table: !table }, 'push');
          }}
        >
          {t('timeline.asTable')}
        </Button>
        {!table && (
          <>
            <Button
              aria-pressed={compress}
              onClick={() => {
                setCompress(!compress);
              }}
            >
              {t('timeline.compress')}
            </Button>
            <span className={css['muted']} data-testid="timeline-shown">
              {shown !== null && t('timeline.shown', { n: shown })}
            </span>
          </>
        )}
        {firstError !== null && (
          <Button
            icon="error"
            onClick={() => {
              select({ seq: firstError.seq });
            }}
          >
            {t('timeline.firstError', { seq: String(firstError.seq) })}
          </Button>
        )}
        {range !== null && (
          <Button
            icon="close"
            title={t('timeline.clearRange')}
            onClick={() => {
              setUrlState({ range: null }, 'push');
            }}
          >
            {`${clockTime(range.fromUs)} – ${clockTime(range.toUs)}`}
          </Button>
        )}
        <span className={css['spacer']} />
        {!table && (
          <>
            <Button
              icon="fit"
              title="0"
              onClick={() => {
                setViewport({ mode: 'fit' });
              }}
            >
              {t('timeline.fit')}
            </Button>
            <div className={controls['segments']}>
              <IconButton
                icon="minus"
                label={t('timeline.zoomOut')}
                onClick={() => {
                  setViewport(zoom(viewport, end, 1 / ZOOM_STEP, 0.5, isLive));
                }}
              />
              <IconButton
                icon="plus"
                label={t('timeline.zoomIn')}
                onClick={() => {
                  setViewport(zoom(viewport, end, ZOOM_STEP, 0.5, isLive));
                }}
              />
            </div>
          </>
        )}
      </div>
      {serverFirst > 0 && heldFirst > serverFirst && <p className={css['note']}>{t('timeline.older', { seq: String(heldFirst) })}</p>}
      {table ? (
        <TimelineTable lanes={extent?.lanes ?? []} onNode={onNode} />
      ) : (
        axis !== null && (
          <Canvas
            axis={axis}
            extent={extent}
            lines={lines}
            viewport={viewport}
            onViewport={setViewport}
            isLive={isLive}
            pinned={pinned}
            onNode={onNode}
            onFold={onFold}
            onPin={onPin}
            onShown={setShown}
          />
        )
      )}
    </>
  );
}
