import { useEffect, useRef } from 'react';
import uPlot from 'uplot';
import 'uplot/dist/uPlot.min.css';
import { readTokens } from '../../shared/lib/colors';
import { usePrefs } from '../../shared/prefs';
import css from './performance.module.css';

const HEIGHT = 190;
/** A drag shorter than this is a click. */
const SHORTEST_BRUSH_PX = 4;

export interface Line {
  name: string;
  color: '--accent' | '--error' | '--warn' | '--running' | '--text-muted';
  /** Fills what is below it. */
  fill?: boolean;
}

interface ChartProps {
  /** Seconds since 1970. */
  times: number[];
  /** The values of each line; null where there is none. */
  values: (number | null)[][];
  lines: readonly Line[];
  label: string;
  range: { fromUs: number; toUs: number } | null;
  onBrush: (range: { fromUs: number; toUs: number } | null) => void;
}

/** Figures over time. What is brushed becomes the time range of all views. */
export function Chart({ times, values, lines, label, range, onBrush }: ChartProps) {
  const container = useRef<HTMLDivElement>(null);
  const chart = useRef<uPlot | null>(null);
  const brushed = useRef(onBrush);
  brushed.current = onBrush;
  const shownRange = useRef(range);
  shownRange.current = range;
  const latest = useRef({ times, values });
  latest.current = { times, values };
  const theme = usePrefs((prefs) => prefs.theme);
  const shownLines = useRef(lines);
  shownLines.current = lines;
  const names = lines.map(({ name }) => name).join('\n');

  useEffect(() => {
    const element = container.current;
    if (element === null) return undefined;
    let plot: uPlot | null = null;
    const draw = (): void => {
      plot?.destroy();
      const colors = readTokens(element, ['--text-muted', '--line', '--accent', '--selected', '--error', '--warn', '--warn-bg', '--running']);
      const text = colors['--text-muted'];
      const line = colors['--line'];
      const axis = { stroke: text, grid: { stroke: line, width: 1 }, ticks: { stroke: line, width: 1 } };
      plot = new uPlot(
        {
          width: Math.max(200, element.clientWidth),
          height: HEIGHT,
          legend: { live: true },
          cursor: { drag: { x: true, y: false, setScale: false } },
          axes: [axis, { ...axis, size: 54 }],
          series: [
            {},
            ...shownLines.current.map(
              ({ name, color, fill }): uPlot.Series => ({
                label: name,
                stroke: colors[color],
                width: 1.5,
                points: { show: false },
                spanGaps: false,
                ...(fill === true ? { fill: colors['--selected'] } : {}),
              }),
            ),
          ],
          hooks: {
            setSelect: [
              (self) => {
                if (self.select.width < SHORTEST_BRUSH_PX) return;
                const at = (px: number): number => Math.round(self.posToVal(px, 'x') * 1e6);
                brushed.current({ fromUs: at(self.select.left), toUs: at(self.select.left + self.select.width) });
              },
            ],
            drawClear: [
              (self) => {
                const { current } = shownRange;
                if (current === null) return;
                const from = self.valToPos(current.fromUs / 1e6, 'x', true);
                const to = self.valToPos(current.toUs / 1e6, 'x', true);
                self.ctx.fillStyle = colors['--warn-bg'];
                self.ctx.fillRect(from, self.bbox.top, Math.max(2, to - from), self.bbox.height);
              },
            ],
          },
        },
        [latest.current.times, ...latest.current.values],
        element,
      );
      plot.over.addEventListener('dblclick', () => {
        brushed.current(null);
      });
      chart.current = plot;
    };
    draw();
    const resize = new ResizeObserver(() => {
      plot?.setSize({ width: Math.max(200, element.clientWidth), height: HEIGHT });
    });
    resize.observe(element);
    const scheme = matchMedia('(prefers-color-scheme: dark)');
    scheme.addEventListener('change', draw);
    return () => {
      scheme.removeEventListener('change', draw);
      resize.disconnect();
      plot?.destroy();
      chart.current = null;
    };
  }, [theme, names]);

  useEffect(() => {
    chart.current?.setData([times, ...values]);
  }, [times, values]);
  useEffect(() => {
    chart.current?.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
    chart.current?.redraw(false);
  }, [range]);

  return <div ref={container} role="img" aria-label={label} className={css['chart']} />;
}
