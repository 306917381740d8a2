import { lazy } from 'react';
import type { ViewName } from '../data/urlState';

/** Each view is loaded when it is first looked at. */
export const VIEW_COMPONENTS: Record<ViewName, ReturnType<typeof lazy>> = {
  topology: lazy(() => import('../features/topology/TopologyView')),
  timeline: lazy(() => import('../features/timeline/TimelineView')),
  runs: lazy(() => import('../features/runs/RunsView')),
  memory: lazy(() => import('../features/memory/MemoryView')),
  state: lazy(() => import('../features/state/StateView')),
  log: lazy(() => import('../features/log/LogView')),
  performance: lazy(() => import('../features/performance/PerformanceView')),
};

/** The letter behind `g` that leads to a view. */
export const VIEW_KEYS: Record<ViewName, string> = { topology: 't', timeline: 'i', runs: 'r', memory: 'm', state: 's', log: 'l', performance: 'p' };
