import { useEffect, useRef, type RefObject } from 'react';
import { useT } from '../../shared/i18n/useT';
import { readTokens } from '../../shared/lib/colors';
import type { GraphController } from './graphController';
import css from './topology.module.css';

const WIDTH = 168;
const HEIGHT = 112;
const EVERY_MS = 250;
const DOT = 3;

/** Large graphs as a whole, with what is in sight. Where it is clicked, the viewport goes. */
export function Minimap({ graph }: { graph: RefObject<GraphController | null> }) {
  const t = useT();
  const canvas = useRef<HTMLCanvasElement>(null);
  /** From the graph's coordinates to the picture's. */
  const scale = useRef({ x: 0, y: 0, factor: 1 });
  useEffect(() => {
    const draw = (): void => {
      const element = canvas.current;
      const ctx = element?.getContext('2d');
      const view = graph.current?.overview();
      if (element == null || ctx == null || view == null || view.nodes.length === 0) return;
      const colors = readTokens(element.parentElement ?? document.body, ['--surface', '--text-muted', '--error', '--accent']);
      const { box } = view;
      const factor = Math.min(WIDTH / Math.max(1, box.x2 - box.x1), HEIGHT / Math.max(1, box.y2 - box.y1)) * 0.9;
      const x = (WIDTH - (box.x2 - box.x1) * factor) / 2 - box.x1 * factor;
      const y = (HEIGHT - (box.y2 - box.y1) * factor) / 2 - box.y1 * factor;
      scale.current = { x, y, factor };
      ctx.fillStyle = colors['--surface'];
      ctx.fillRect(0, 0, WIDTH, HEIGHT);
      for (const node of view.nodes) {
        ctx.fillStyle = colors[node.isError ? '--error' : '--text-muted'];
        ctx.fillRect(node.x * factor + x - DOT / 2, node.y * factor + y - DOT / 2, DOT, DOT);
      }
      ctx.strokeStyle = colors['--accent'];
      ctx.lineWidth = 1.5;
      const { x1, y1, x2, y2 } = view.seen;
      ctx.strokeRect(x1 * factor + x, y1 * factor + y, (x2 - x1) * factor, (y2 - y1) * factor);
    };
    draw();
    const timer = setInterval(draw, EVERY_MS);
    return () => {
      clearInterval(timer);
    };
  }, [graph]);
  return (
    <canvas
      ref={canvas}
      width={WIDTH}
      height={HEIGHT}
      aria-hidden="true"
      title={t('topology.minimap')}
      className={css['minimap']}
      onClick={({ nativeEvent: { offsetX, offsetY } }) => {
        const { x, y, factor } = scale.current;
        graph.current?.center((offsetX - x) / factor, (offsetY - y) / factor);
      }}
    />
  );
}
