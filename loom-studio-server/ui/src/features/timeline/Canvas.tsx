import { useCallback, useEffect, useLayoutEffect, useMemo, useRef, useState } from 'react';
import { dataClient } from '../../data/client';
import type { ExtentMessage } from '../../data/messages';
import { movePlayhead, usePlayhead } from '../../data/playhead';
import { select } from '../../data/selection';
import { onScreen, toAxis, toTime, type TimeAxis } from '../../data/timeAxis';
import { setUrlState, useUrlState } from '../../data/useUrlState';
import { useT } from '../../shared/i18n/useT';
import { readTokens } from '../../shared/lib/colors';
import { isTyping } from '../../shared/lib/keys';
import { duration } from '../../shared/lib/time';
import { usePrefs } from '../../shared/prefs';
import { useViewKeys } from '../../shared/ui/pane';
import { LaneLabels } from './LaneLabels';
import type { Group, Line } from './lanes';
import { COLORS, GROUP_HEIGHT, hit, LANE_HEIGHT, paint, paintRuler, RULER_HEIGHT, type Arrow, type Colors, type Hit, type Scene } from './painter';
import css from './timeline.module.css';
import { useArrows } from './useArrows';
import { useDrawn } from './useTimeline';
import { pan, windowOf, zoom, type Viewport } from './viewport';

/** A press that moves less than this is a click. */
const CLICK_PX = 4;
const WHEEL_ZOOM = 0.002;
const KEY_ZOOM = 1.4;
const KEY_PAN = 0.15;

interface CanvasProps {
  axis: TimeAxis;
  extent: ExtentMessage | null;
  lines: readonly Line[];
  viewport: Viewport;
  onViewport: (viewport: Viewport) => void;
  isLive: boolean;
  pinned: ReadonlySet<string>;
  onNode: (node: string) => void;
  onFold: (group: Group) => void;
  onPin: (node: string) => void;
  onShown: (count: number) => void;
}

/** The time of an event that is held; null of others. */
function useTimeOf(seq: number | null): number | null {
  const [found, setFound] = useState<{ seq: number; timeUs: number } | null>(null);
  useEffect(() => {
    let isCurrent = true;
    if (seq === null) return undefined;
    void dataClient()
      .times([seq])
      .then(async ({ times }) => {
        let timeUs = times[0] ?? Number.NaN;
        // A position can be that of an observation: then the event before it says when.
        if (Number.isNaN(timeUs)) timeUs = (await dataClient().neighbour(seq, -1)).found?.timeUs ?? Number.NaN;
        if (isCurrent && !Number.isNaN(timeUs)) setFound({ seq, timeUs });
      });
    return () => {
      isCurrent = false;
    };
  }, [seq]);
  return seq === null || found === null ? null : found.timeUs;
}

function fit(canvas: HTMLCanvasElement, width: number, height: number): CanvasRenderingContext2D | null {
  const ratio = window.devicePixelRatio;
  const [w, h] = [Math.max(1, Math.round(width * ratio)), Math.max(1, Math.round(height * ratio))];
  if (canvas.width !== w) canvas.width = w;
  if (canvas.height !== h) canvas.height = h;
  const ctx = canvas.getContext('2d', { alpha: false });
  ctx?.setTransform(ratio, 0, 0, ratio, 0, 0);
  return ctx;
}

export function Canvas({ axis, extent, lines, viewport, onViewport, isLive, pinned, onNode, onFold, onPin, onShown }: CanvasProps) {
  const t = useT();
  const { seq, node, range } = useUrlState();
  const at = usePlayhead();
  const theme = usePrefs((prefs) => prefs.theme);
  const scroller = useRef<HTMLDivElement>(null);
  const canvas = useRef<HTMLCanvasElement>(null);
  const ruler = useRef<HTMLCanvasElement>(null);
  const [size, setSize] = useState({ width: 0, height: 0 });
  const [scrollTop, setScrollTop] = useState(0);
  const [brush, setBrush] = useState<{ from: number; to: number } | null>(null);
  const [hovered, setHovered] = useState<{ hit: Hit; x: number; y: number } | null>(null);
  const [colors, setColors] = useState<Colors | null>(null);

  useLayoutEffect(() => {
    const element = canvas.current?.parentElement?.parentElement;
    if (element == null) return undefined;
    const measure = (): void => {
      setSize({ width: Math.floor(element.clientWidth), height: Math.floor(scroller.current?.clientHeight ?? 0) });
    };
    measure();
    const observer = new ResizeObserver(measure);
    observer.observe(element);
    if (scroller.current !== null) observer.observe(scroller.current);
    return () => {
      observer.disconnect();
    };
  }, []);
  useEffect(() => {
    const read = (): void => {
      if (scroller.current !== null) setColors(readTokens(scroller.current, COLORS));
    };
    read();
    const scheme = matchMedia('(prefers-color-scheme: dark)');
    scheme.addEventListener('change', read);
    return () => {
      scheme.removeEventListener('change', read);
    };
  }, [theme]);

  const placed = useMemo(() => {
    let top = 0;
    return lines.map((line) => {
      const height = line.kind === 'group' ? GROUP_HEIGHT : LANE_HEIGHT;
      top += height;
      return { line, top: top - height, height };
    });
  }, [lines]);
  const total = placed.reduce((sum, { height }) => sum + height, 0);
  const visible = useMemo(() => placed.filter(({ top, height }) => top + height > scrollTop && top < scrollTop + Math.max(1, size.height)), [placed, scrollTop, size.height]);
  const lanes = useMemo(() => visible.flatMap(({ line }) => (line.kind === 'lane' ? [line.lane.node] : [])), [visible]);
  const shown = windowOf(viewport, axis.to);
  const drawn = useDrawn(axis, shown, size.width, lanes, extent);
  const playheadUs = useTimeOf(at);
  const arrowed = useArrows(seq);
  useEffect(() => {
    if (drawn !== null) onShown(drawn.data.shown);
  }, [drawn, onShown]);

  const scene = useMemo((): Scene | null => {
    if (colors === null) return null;
    const perPixel = (shown.to - shown.from) / Math.max(1, size.width);
    const xOf = (us: number): number => (toAxis(axis, us) - shown.from) / perPixel;
    const laneIndex = new Map(drawn?.lanes.map((name, index) => [name, index]));
    const yOf = new Map(visible.flatMap(({ line, top }) => (line.kind === 'lane' ? [[line.lane.node, top - scrollTop] as const] : [])));
    const middle = (name: string): number | undefined => {
      const y = yOf.get(name);
      return y === undefined ? undefined : y + LANE_HEIGHT / 2;
    };
    const arrows = arrowed.flatMap(({ from, to }): Arrow[] => {
      const [fromY, toY] = [middle(from.node), middle(to.node)];
      return fromY === undefined || toY === undefined ? [] : [{ fromX: xOf(from.timeUs), fromY, toX: xOf(to.timeUs), toY }];
    });
    const before = drawn?.window;
    const scale = before === undefined ? 1 : (before.to - before.from) / (shown.to - shown.from);
    const marked = brush ?? (range === null ? null : { from: xOf(range.fromUs), to: xOf(range.toUs) });
    return {
      width: size.width,
      height: size.height,
      lines: visible.map(({ line, top, height }) => ({ y: top - scrollTop, height, lane: line.kind === 'lane' ? (laneIndex.get(line.lane.node) ?? -1) : null })),
      data: drawn?.data ?? null,
      shift: { scale, offset: before === undefined ? 0 : (before.from - shown.from) / perPixel },
      pieces: onScreen(axis, shown.from, shown.to, Math.max(1, size.width)),
      playheadX: at === null || playheadUs === null ? null : xOf(playheadUs),
      range: marked === null ? null : { x0: Math.min(marked.from, marked.to), x1: Math.max(marked.from, marked.to) },
      firstErrorX: extent?.firstError == null ? null : xOf(extent.firstError.timeUs),
      selected: new Set(seq === null ? [] : [seq]),
      arrows,
      colors,
      font: '11px system-ui, sans-serif',
    };
  }, [arrowed, at, axis, brush, colors, drawn, extent, playheadUs, range, scrollTop, seq, shown.from, shown.to, size, visible]);

  const gapLabel = useCallback((us: number) => t('timeline.gap', { length: duration(us / 1000) }), [t]);
  useEffect(() => {
    if (scene === null || canvas.current === null || ruler.current === null) return undefined;
    const frame = requestAnimationFrame(() => {
      const ctx = canvas.current === null ? null : fit(canvas.current, scene.width, scene.height);
      if (ctx !== null) paint(ctx, scene);
      const above = ruler.current === null ? null : fit(ruler.current, scene.width, RULER_HEIGHT);
      if (above !== null) paintRuler(above, scene, gapLabel);
    });
    return () => {
      cancelAnimationFrame(frame);
    };
  }, [scene, gapLabel]);

  const timeAt = (x: number): number => toTime(axis, shown.from + (x / Math.max(1, size.width)) * (shown.to - shown.from));
  const latest = useRef({ viewport, scene, timeAt });
  latest.current = { viewport, scene, timeAt };

  // React's wheel listeners are passive; this one keeps the page from zooming.
  useEffect(() => {
    const element = canvas.current;
    if (element === null) return undefined;
    const onWheel = (event: WheelEvent): void => {
      const { viewport: now } = latest.current;
      const width = Math.max(1, element.clientWidth);
      if (event.ctrlKey || event.metaKey) onViewport(zoom(now, axis.to, Math.exp(-event.deltaY * WHEEL_ZOOM), event.offsetX / width, isLive));
      else if (event.shiftKey || Math.abs(event.deltaX) > Math.abs(event.deltaY)) onViewport(pan(now, axis.to, (event.shiftKey ? event.deltaY || event.deltaX : event.deltaX) / width, isLive));
      else return;
      event.preventDefault();
    };
    element.addEventListener('wheel', onWheel, { passive: false });
    return () => {
      element.removeEventListener('wheel', onWheel);
    };
  }, [axis.to, isLive, onViewport]);

  useViewKeys((event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || isTyping(event.target)) return;
    const key = event.key.toLowerCase();
    if (key === 'w' || key === '+' || key === '=') onViewport(zoom(viewport, axis.to, KEY_ZOOM, 0.5, isLive));
    else if (key === 's' || key === '-') onViewport(zoom(viewport, axis.to, 1 / KEY_ZOOM, 0.5, isLive));
    else if (key === 'a') onViewport(pan(viewport, axis.to, -KEY_PAN, isLive));
    else if (key === 'd') onViewport(pan(viewport, axis.to, KEY_PAN, isLive));
    else if (key === '0') onViewport({ mode: 'fit' });
    else if (key === 't') setUrlState({ table: true }, 'push');
    else return;
    event.preventDefault();
  });

  const drag = useRef<{ x: number; y: number; viewport: Viewport; brushing: boolean; moved: boolean } | null>(null);
  return (
    <div className={css['frame']}>
      <div className={css['rulerRow']}>
        <div className={css['corner']} />
        <div className={css['rulerBox']}>
          <canvas
            ref={ruler}
            height={RULER_HEIGHT}
            className={css['ruler']}
            aria-hidden="true"
            onClick={(event) => {
              const timeUs = timeAt(event.nativeEvent.offsetX);
              void dataClient()
                .nearest(timeUs)
                .then(({ found }) => {
                  if (found !== null) movePlayhead(found.seq);
                });
            }}
          />
        </div>
      </div>
      <div
        ref={scroller}
        className={css['scroller']}
        onScroll={(event) => {
          setScrollTop(event.currentTarget.scrollTop);
        }}
      >
        <div className={css['inner']} style={{ height: Math.max(total, size.height) }}>
          <div className={css['labels']}>
            <LaneLabels lines={visible} pinned={pinned} selected={node} onNode={onNode} onFold={onFold} onPin={onPin} />
          </div>
          <div className={css['canvasBox']} style={{ height: size.height }}>
            <div role="img" aria-label={t('timeline.canvas')} title={t('timeline.help')} data-testid="timeline" data-lanes={lanes.join(' ')} className={css['picture']}>
            <canvas
              ref={canvas}
              className={css['canvas']}
              onPointerDown={(event) => {
                event.currentTarget.setPointerCapture(event.pointerId);
                drag.current = { x: event.nativeEvent.offsetX, y: event.nativeEvent.offsetY, viewport, brushing: event.shiftKey, moved: false };
              }}
              onPointerMove={(event) => {
                const { offsetX: x, offsetY: y } = event.nativeEvent;
                const { current } = drag;
                if (current === null) {
                  const found = scene === null ? null : hit(scene, x, y);
                  setHovered((before) => (found === null ? null : before?.hit.seq === found.seq && before.hit.state === found.state ? before : { hit: found, x, y }));
                  return;
                }
                current.moved ||= Math.abs(x - current.x) > CLICK_PX || Math.abs(y - current.y) > CLICK_PX;
                if (!current.moved) return;
                setHovered(null);
                if (current.brushing) setBrush({ from: current.x, to: x });
                else {
                  onViewport(pan(current.viewport, axis.to, (current.x - x) / Math.max(1, size.width), isLive));
                }
              }}
              onPointerUp={(event) => {
                const { current } = drag;
                drag.current = null;
                if (current === null) return;
                const { offsetX: x, offsetY: y } = event.nativeEvent;
                if (current.moved && current.brushing) {
                  const [a, b] = [timeAt(Math.min(current.x, x)), timeAt(Math.max(current.x, x))];
                  setUrlState({ range: { fromUs: Math.max(0, Math.round(a)), toUs: Math.max(0, Math.round(b)) } }, 'push');
                } else if (!current.moved && scene !== null) {
                  const found = hit(scene, x, y);
                  if (found !== null) select({ seq: found.seq });
                }
                setBrush(null);
              }}
              onPointerCancel={() => {
                drag.current = null;
                setBrush(null);
              }}
              onPointerLeave={() => {
                setHovered(null);
              }}
              onDoubleClick={(event) => {
                onViewport(zoom(viewport, axis.to, 3, event.nativeEvent.offsetX / Math.max(1, size.width), isLive));
              }}
            />
            </div>
            {hovered !== null && (
              <div className={css['tip']} style={{ left: Math.min(hovered.x + 12, size.width - 160), top: hovered.y + 14 }}>
                {hovered.hit.state === null
                  ? t('timeline.event', { seq: String(hovered.hit.seq) })
                  : t('timeline.call', { seq: String(hovered.hit.seq), state: t(`timeline.state.${String(hovered.hit.state) as '0' | '1' | '2' | '3'}`) })}
              </div>
            )}
          </div>
        </div>
      </div>
    </div>
  );
}
