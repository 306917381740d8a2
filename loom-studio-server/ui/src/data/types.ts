import type { components } from './api.gen';

/**
 * The REST shapes this page reads, from the server's own description (`npm run api`). The description leaves three
 * things to the prose of `docs/http-api.md`: that members which can be `null` are always there, which words a string may
 * be, and that an event's members are free.
 */
type Schemas = components['schemas'];

/** Every member present, all the way down. */
type Present<T> = T extends (infer Item)[] ? Present<Item>[] : T extends object ? { [Key in keyof T]-?: Present<T[Key]> } : T;

type With<T, Changes> = Omit<T, keyof Changes> & Changes;

type FreeObject = Record<string, unknown>;

export type NodeStatus = 'idle' | 'running' | 'error';

/** Only what has evidence is named in `evidence`. */
export type TopologyNode = With<
  Present<Schemas['NodeDto']>,
  { status: NodeStatus; metadata: FreeObject; evidence: { type?: Present<Schemas['ProofDto']> | null } }
>;

export type TopologyEdge = Present<Schemas['EdgeDto']>;

export type TopologyAnswer = With<Present<Schemas['TopologyDto']>, { nodes: TopologyNode[]; edges: TopologyEdge[] }>;

export type EventLink = With<Present<Schemas['LinkDto']>, { trust: 'causation' | 'request_id' | 'traceparent' | 'structure' }>;

export type Observation = With<Present<Schemas['ObservationDto']>, { changed: FreeObject }>;

export interface EventLinks {
  cause: EventLink | null;
  request: EventLink | null;
  response: EventLink | null;
  effects: EventLink[];
  /** The request of the call it is in. */
  call?: EventLink | null;
  /** For a request, the reply that ended its call. */
  end?: EventLink | null;
  /** The requests of the calls it may be in, where that can't be decided. */
  candidates?: number[];
  has_all_candidates?: boolean;
  cause_candidates?: number[];
  request_candidates?: number[];
  response_candidates?: number[];
}

export type EventDetail = With<
  Present<Schemas['EventDetail']>,
  {
    event: FreeObject;
    links: EventLinks;
    /** Whether the list of runs could be asked; absent, or `behind` or `failed`: then the run and its call aren't known. */
    placed?: 'yes' | 'behind' | 'failed';
    observations: Observation[];
  }
>;

export type FirstAnswer = With<Present<Schemas['FirstAnswer']>, { event: (FreeObject & { studioseq: number; studioreceived: string; time?: string }) | null }>;

export type Problem = Schemas['Problem'];
