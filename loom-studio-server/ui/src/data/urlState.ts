/**
 * The state of the page that a link carries. One codec for all of it: `decodeUrl(encodeUrl(state))` is `state`.
 *
 * The path names the view. `v` is the version of the rest; a link of a version this page doesn't know keeps only its view.
 */
export const URL_VERSION = 1;

export const VIEWS = ['topology', 'timeline', 'runs', 'memory', 'state', 'log', 'performance'] as const;
export type ViewName = (typeof VIEWS)[number];

export interface UrlState {
  view: ViewName;
  /** A second view beside the first. */
  beside: ViewName | null;
  workspace: string | null;
  /** The Loom process that views narrow to; `null` is all of them. */
  session: string | null;
  /** The store the seqs below belong to. */
  epoch: string | null;
  filter: string;
  /** The playhead: every view shows the state as of this seq. `null` is the head. */
  at: number | null;
  /** Another position that views compare with the playhead's. */
  compare: number | null;
  /** The times brushed, in microseconds since 1970. */
  range: { fromUs: number; toUs: number } | null;
  /** The run that views narrow to or highlight. */
  run: number | null;
  /** What is selected: an event, a node or an edge; at most one of them. */
  seq: number | null;
  node: string | null;
  edge: { from: string; to: string } | null;
  /** Tables instead of drawings. */
  table: boolean;
}

export const EMPTY_URL_STATE: UrlState = {
  view: 'topology',
  beside: null,
  workspace: null,
  session: null,
  epoch: null,
  filter: '',
  at: null,
  compare: null,
  range: null,
  run: null,
  seq: null,
  node: null,
  edge: null,
  table: false,
};

function toCount(text: string | null): number | null {
  if (text === null || !/^\d{1,16}$/.test(text)) return null;
  const value = Number(text);
  return Number.isSafeInteger(value) ? value : null;
}

function isView(name: string): name is ViewName {
  return (VIEWS as readonly string[]).includes(name);
}

function toRange(text: string | null): UrlState['range'] {
  const [fromUs = null, toUs = null] = (text ?? '').split('-').map(toCount);
  return fromUs !== null && toUs !== null && fromUs <= toUs ? { fromUs, toUs } : null;
}

export function decodeUrl(path: string, search: string): UrlState {
  const query = new URLSearchParams(search);
  const name = path.replace(/^\/+|\/+$/g, '');
  const state: UrlState = { ...EMPTY_URL_STATE, view: isView(name) ? name : EMPTY_URL_STATE.view, workspace: query.get('workspace') };
  if ((query.get('v') ?? String(URL_VERSION)) !== String(URL_VERSION)) return state;
  const beside = query.get('with') ?? '';
  const from = query.get('from');
  const to = query.get('to');
  return {
    ...state,
    beside: isView(beside) && beside !== state.view ? beside : null,
    session: query.get('session'),
    epoch: query.get('epoch'),
    filter: query.get('q') ?? '',
    at: toCount(query.get('at')),
    compare: toCount(query.get('compare')),
    range: toRange(query.get('time')),
    run: toCount(query.get('run')),
    seq: toCount(query.get('seq')),
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
  set('session', state.session);
  set('with', state.beside);
  // A seq means something only together with its epoch.
  set('epoch', state.epoch);
  set('q', state.filter === '' ? null : state.filter);
  set('at', state.at);
  set('compare', state.compare);
  set('time', state.range === null ? null : `${String(state.range.fromUs)}-${String(state.range.toUs)}`);
  set('run', state.run);
  set('seq', state.seq);
  set('node', state.node);
  set('from', state.edge?.from ?? null);
  set('to', state.edge?.to ?? null);
  set('as', state.table ? 'table' : null);
  const hasMore = [...query.keys()].some((key) => key !== 'workspace');
  if (hasMore) query.set('v', String(URL_VERSION));
  const text = query.toString();
  return `/${state.view}${text === '' ? '' : `?${text}`}`;
}
