import { useEffect, useRef, useState, type RefObject } from 'react';
import { useConnection } from '../../data/connectionStore';
import type { TopologyEdge, TopologyNode } from '../../data/types';
import { useT, type Translate } from '../../shared/i18n/useT';
import { shortNode } from '../../shared/lib/nodeId';
import { duration } from '../../shared/lib/time';
import { usePrefs } from '../../shared/prefs';
import { GraphController, type GraphSelection } from './graphController';
import type { Topology } from '../../data/topology';
import { LayoutRunner, layoutWorker } from './layoutRunner';
import { Legend } from './Legend';
import { arrangementOf } from './positions';
import { Minimap } from './Minimap';
import type { Marks } from './useGraph';
import css from './topology.module.css';

export type LayoutState = 'idle' | 'running' | 'late';

interface GraphPaneProps {
  controllerRef: RefObject<GraphController | null>;
  topology: Topology;
  marks: Marks;
  found: ReadonlySet<string> | null;
  selection: GraphSelection;
  onSelect: (selection: GraphSelection) => void;
  onToggle: (id: string) => void;
  onLayoutState: (state: LayoutState) => void;
  onHiddenEdges: (count: number) => void;
}

/** Nodes above which the whole is shown in a corner. */
const MINIMAP_FROM = 50;
const STATUS_SIGN = { idle: '', running: '▶', error: '⚠' } as const;

function nodeLabel(t: Translate, node: TopologyNode, hidden: number): string {
  const own = node.name === '' ? shortNode(node.id) : node.name;
  const name = hidden > 0 ? `${own} +${String(hidden)}` : own;
  return node.status === 'idle' ? name : `${name}\n${STATUS_SIGN[node.status]} ${t(`status.${node.status}`)}`;
}

/** How often a line was used, and how long its calls took. */
function edgeLabel({ count, latency_ms: latency }: TopologyEdge): string {
  return latency === null ? String(count) : `${String(count)} · ${duration(latency.p95)}`;
}

export function GraphPane({ controllerRef, topology, marks, found, selection, onSelect, onToggle, onLayoutState, onHiddenEdges }: GraphPaneProps) {
  const t = useT();
  const container = useRef<HTMLDivElement>(null);
  const epoch = useConnection((status) => status.epoch);
  const theme = usePrefs((prefs) => prefs.theme);
  const [drawn, setDrawn] = useState<string[]>([]);
  const translate = useRef(t);
  translate.current = t;
  const toggle = useRef(onToggle);
  toggle.current = onToggle;

  useEffect(() => {
    const element = container.current;
    if (element === null || epoch === null) return undefined;
    const controller = new GraphController(element, arrangementOf(epoch), {
      layout: new LayoutRunner(layoutWorker),
      select: onSelect,
      layoutState: onLayoutState,
      toggle: (id) => {
        toggle.current(id);
      },
      label: (node, hidden) => nodeLabel(translate.current, node, hidden),
      edgeLabel,
      reducedMotion: () => matchMedia('(prefers-reduced-motion: reduce)').matches,
    });
    controllerRef.current = controller;
    const resize = new ResizeObserver(() => {
      controller.resized();
    });
    resize.observe(element);
    const scheme = matchMedia('(prefers-color-scheme: dark)');
    const restyle = (): void => {
      controller.restyle();
    };
    scheme.addEventListener('change', restyle);
    return () => {
      scheme.removeEventListener('change', restyle);
      resize.disconnect();
      controller.destroy();
      controllerRef.current = null;
      onLayoutState('idle');
    };
  }, [controllerRef, epoch, onLayoutState, onSelect]);

  useEffect(() => {
    const controller = controllerRef.current;
    if (controller === null) return;
    onHiddenEdges(controller.show(topology));
    const ids = controller.nodeIds();
    setDrawn((before) => (before.length === ids.length && before.every((id, i) => id === ids[i]) ? before : ids));
  }, [controllerRef, epoch, onHiddenEdges, topology]);
  useEffect(() => {
    controllerRef.current?.mark(marks);
  }, [controllerRef, epoch, marks, topology]);
  useEffect(() => {
    controllerRef.current?.find(found);
  }, [controllerRef, epoch, found, topology]);
  useEffect(() => {
    controllerRef.current?.select(selection);
  }, [controllerRef, epoch, selection, topology]);
  useEffect(() => {
    controllerRef.current?.restyle();
  }, [controllerRef, theme]);
  useEffect(() => {
    controllerRef.current?.relabel();
  }, [controllerRef, t]);

  return (
    <div className={css['graph']}>
      <div ref={container} role="img" aria-label={t('topology.canvas')} className={css['canvas']} data-nodes={drawn.join(' ')} />
      <Legend />
      {topology.nodes.size > MINIMAP_FROM && <Minimap graph={controllerRef} />}
    </div>
  );
}
