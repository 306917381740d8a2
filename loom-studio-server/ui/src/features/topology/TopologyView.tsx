import { useCallback, useMemo, useRef, useState } from 'react';
import { select } from '../../data/selection';
import { setUrlState, useUrlState } from '../../data/useUrlState';
import { useT } from '../../shared/i18n/useT';
import { isTyping } from '../../shared/lib/keys';
import { Button, IconButton } from '../../shared/ui/Button';
import controls from '../../shared/ui/controls.module.css';
import { useViewKeys } from '../../shared/ui/pane';
import type { GraphController, GraphSelection } from './graphController';
import { EDGES_DRAWN } from './graphDiff';
import { GraphPane, type LayoutState } from './GraphPane';
import css from './topology.module.css';
import { Search } from './Search';
import { TopologyTable } from './TopologyTable';
import { useGraph } from './useGraph';


const ZOOM_STEP = 1.25;

export default function TopologyView() {
  const t = useT();
  const { table, node, edge, run } = useUrlState();
  const { topology, drawn, marks, asOf, isAggregated, canAggregate, setAggregated, toggle, expandAll } = useGraph();
  const [found, setFound] = useState<ReadonlySet<string> | null>(null);
  const graph = useRef<GraphController | null>(null);
  const [layoutState, setLayoutState] = useState<LayoutState>('idle');
  const [hiddenEdges, setHiddenEdges] = useState(0);

  const onSelect = useCallback((chosen: GraphSelection) => {
    select(chosen, chosen === null ? 'replace' : 'push');
  }, []);

  useViewKeys((event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || isTyping(event.target)) return;
    const key = event.key.toLowerCase();
    if (key === 't') setUrlState({ table: !table }, 'push');
    else if (key === '0') graph.current?.fit();
    else if (key === '+' || key === '=') graph.current?.zoomBy(ZOOM_STEP);
    else if (key === '-') graph.current?.zoomBy(1 / ZOOM_STEP);
    else return;
    event.preventDefault();
  });

  const selection = useMemo<GraphSelection>(() => (node !== null ? { node } : edge !== null ? { edge } : null), [node, edge]);
  return (
    <>
      <h1 className="visually-hidden">{t('view.topology')}</h1>
      <div className={css['bar']}>
        <div role="group" aria-label={t('topology.as')} className={controls['segments']}>
          {([false, true] as const).map((isTable) => (
            <Button
              key={String(isTable)}
              icon={isTable ? 'table' : 'topology'}
              aria-pressed={table === isTable}
              onClick={() => {
                setUrlState({ table: isTable }, 'push');
              }}
            >
              {t(isTable ? 'topology.table' : 'topology.graph')}
            </Button>
          ))}
        </div>
        <span className={css['muted']} data-testid="topology-counts">
          {t('topology.counts', { nodes: topology.nodes.size, edges: topology.edges.size })}
        </span>
        {asOf !== null && <span className={css['asOf']}>{t('topology.asOf', { seq: String(asOf) })}</span>}
        <span role="status" className={css['muted']}>
          {layoutState === 'running' && !table && t('topology.layingOut')}
          {layoutState === 'late' && !table && t('topology.layoutLate')}
        </span>
        {!table && <Search topology={drawn} onFound={setFound} onGo={(id) => { graph.current?.reveal(id); onSelect({ node: id }); }} />}
        <div className={css['spacer']} />
        {!table && (
          <>
            {node !== null && drawn.nodes.has(node) && (
              <Button title={t('topology.collapseHint')} onClick={() => { toggle(node); }}>
                {marks.hidden.has(node) ? t('topology.expand', { n: marks.hidden.get(node) ?? 0 }) : t('topology.collapse')}
              </Button>
            )}
            {marks.hidden.size > 0 && <Button onClick={expandAll}>{t('topology.expandAll')}</Button>}
            {canAggregate && (
              <Button aria-pressed={isAggregated} onClick={() => { setAggregated(!isAggregated); }}>
                {t('topology.aggregate')}
              </Button>
            )}
            <Button icon="layout" onClick={() => graph.current?.relayout()}>
              {t('topology.layout')}
            </Button>
            <Button icon="fit" title="0" onClick={() => graph.current?.fit()}>
              {t('topology.fit')}
            </Button>
            <div className={controls['segments']}>
              <IconButton icon="minus" label={t('topology.zoomOut')} onClick={() => graph.current?.zoomBy(1 / ZOOM_STEP)} />
              <IconButton icon="plus" label={t('topology.zoomIn')} onClick={() => graph.current?.zoomBy(ZOOM_STEP)} />
            </div>
          </>
        )}
      </div>
      {!table && isAggregated && (
        <p role="note" className={css['note']}>
          {t('topology.aggregated', { n: EDGES_DRAWN })}
        </p>
      )}
      {!table && marks.ghosts.size > 0 && (
        <p role="note" className={css['note']}>
          {t('topology.notYet')}
        </p>
      )}
      {!table && run !== null && marks.lit !== null && (
        <p role="note" className={css['note']}>
          {t('topology.runHighlighted', { id: String(run) })}{' '}
          <Button look="link" onClick={() => { setUrlState({ run: null }, 'push'); }}>
            {t('topology.leaveRun')}
          </Button>
        </p>
      )}
      {!table && hiddenEdges > 0 && (
        <p role="note" className={css['note']}>
          {t('topology.hiddenEdges', { n: hiddenEdges })}
        </p>
      )}
      {table ? (
        <TopologyTable topology={topology} selection={selection} onSelect={onSelect} />
      ) : (
        <GraphPane
          controllerRef={graph}
          topology={drawn}
          marks={marks}
          found={found}
          selection={selection}
          onSelect={onSelect}
          onToggle={toggle}
          onLayoutState={setLayoutState}
          onHiddenEdges={setHiddenEdges}
        />
      )}
    </>
  );
}
