/**
 * The state of the page that a link carries. One codec for all of it: `decodeUrl(encodeUrl(state))` is `state`.
 *
 * The path names the view. `v` is the version of the rest; a link of a version this page doesn't know keeps only its view.
 */
export const URL_VERSION = 1;

export const VIEWS = ['topology', 'log'] as const;
export type ViewName = (typeof VIEWS)[number];

export interface UrlState {
  view: ViewName;
  workspace: string | null;
  /** The store the seqs below belong to. */
  epoch: string | null;
  filter: string;
  /** Selected event. */
  seq: number | null;
  /** The log stands still after this seq. */
  paused: number | null;
  node: string | null;
  edge: { from: string; to: string } | null;
  /** Topology as a table instead of a graph. */
  table: boolean;
}

export const EMPTY_URL_STATE: UrlState = {
  view: 'topology',
  workspace: null,
  epoch: null,
  filter: '',
  seq: null,
  paused: null,
  node: null,
  edge: null,
  table: false,
};

function toSeq(text: string | null): number | null {
  if (text === null || !/^\d{1,16}$/.test(text)) return null;
  const value = Number(text);
  return Number.isSafeInteger(value) ? value : null;
}

function toView(path: string): ViewName {
  const name = path.replace(/^\/+|\/+$/g, '');
  return (VIEWS as readonly string[]).includes(name) ? (name as ViewName) : EMPTY_URL_STATE.view;
}

export function decodeUrl(path: string, search: string): UrlState {
  const query = new URLSearchParams(search);
  const state: UrlState = { ...EMPTY_URL_STATE, view: toView(path), workspace: query.get('workspace') };
  if ((query.get('v') ?? String(URL_VERSION)) !== String(URL_VERSION)) return state;
  const from = query.get('from');
  const to = query.get('to');
  return {
    ...state,
    epoch: query.get('epoch'),
    filter: query.get('q') ?? '',
    seq: toSeq(query.get('seq')),
    paused: toSeq(query.get('paused')),
    node: query.get('node'),
    edge: from !== null && to !== null ? { from, to } : null,
    table: query.get('as') === 'table',
  };
}

export function encodeUrl(state: UrlState): string {
  const query = new URLSearchParams();
  const set = (key: string, value: string | number | null): void => {
    if (value !== null) query.set(key, String(value));
  };
  set('workspace', state.workspace);
  // A seq means something only together with its epoch.
  set('epoch', state.epoch);
  set('q', state.filter === '' ? null : state.filter);
  set('seq', state.seq);
  set('paused', state.paused);
  set('node', state.node);
  set('from', state.edge?.from ?? null);
  set('to', state.edge?.to ?? null);
  set('as', state.table ? 'table' : null);
  const hasMore = [...query.keys()].some((key) => key !== 'workspace');
  if (hasMore) query.set('v', String(URL_VERSION));
  const text = query.toString();
  return `/${state.view}${text === '' ? '' : `?${text}`}`;
}
