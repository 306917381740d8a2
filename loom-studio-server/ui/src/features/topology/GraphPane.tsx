import { useEffect, useRef, useState, type RefObject } from 'react';
import { useConnection } from '../../data/connectionStore';
import type { TopologyNode } from '../../data/types';
import { useT, type Translate } from '../../shared/i18n/useT';
import { shortNode } from '../../shared/lib/nodeId';
import { usePrefs } from '../../shared/prefs';
import { GraphController, type GraphSelection } from './graphController';
import type { Topology } from '../../data/topology';
import { LayoutRunner, layoutWorker } from './layoutRunner';
import { Legend } from './Legend';
import { arrangementOf } from './positions';
import css from './topology.module.css';

export type LayoutState = 'idle' | 'running' | 'late';

interface GraphPaneProps {
  controllerRef: RefObject<GraphController | null>;
  topology: Topology;
  selection: GraphSelection;
  onSelect: (selection: GraphSelection) => void;
  onLayoutState: (state: LayoutState) => void;
  onHiddenEdges: (count: number) => void;
}

const STATUS_SIGN = { idle: '', running: '▶', error: '⚠' } as const;

function nodeLabel(t: Translate, node: TopologyNode): string {
  const name = node.name === '' ? shortNode(node.id) : node.name;
  return node.status === 'idle' ? name : `${name}\n${STATUS_SIGN[node.status]} ${t(`status.${node.status}`)}`;
}

export function GraphPane({ controllerRef, topology, selection, onSelect, onLayoutState, onHiddenEdges }: GraphPaneProps) {
  const t = useT();
  const container = useRef<HTMLDivElement>(null);
  const epoch = useConnection((status) => status.epoch);
  const theme = usePrefs((prefs) => prefs.theme);
  const [drawn, setDrawn] = useState<string[]>([]);
  const translate = useRef(t);
  translate.current = t;

  useEffect(() => {
    const element = container.current;
    if (element === null || epoch === null) return undefined;
    const controller = new GraphController(element, arrangementOf(epoch), {
      layout: new LayoutRunner(layoutWorker),
      select: onSelect,
      layoutState: onLayoutState,
      label: (node) => nodeLabel(translate.current, node),
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
    </div>
  );
}
