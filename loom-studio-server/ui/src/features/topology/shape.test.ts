import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { edgeKey, type Topology } from '../../data/topology';
import type { TopologyEdge, TopologyNode } from '../../data/types';
import { aggregate, collapse, hiddenBy, isAggregate, isCall, kindOf, withoutReplies } from './shape';

const node = (id: string): TopologyNode => ({
  id, type: 'Node', name: id, role: null, status: 'idle', status_reason: null, metadata: {}, evidence: {},
  events: 3, open_calls: 0, errors: 1, first_seq: 1, last_seq: 1, last_time: '', unregistered: null,
});
const call = (from: string, to: string, count = 2): TopologyEdge => ({
  from, to, count, open: 0, errors: 0, blocked: 0, latency_ms: { p50: 1, p95: 2, p99: 3 }, wait_ms: 1, last_seq: 1, last_time: '',
});
const reply = (from: string, to: string): TopologyEdge => ({ ...call(from, to), latency_ms: null });
const topology = (ids: string[], edges: TopologyEdge[]): Topology => ({
  nodes: new Map(ids.map((id) => [id, node(id)])),
  edges: new Map(edges.map((edge) => [edgeKey(edge.from, edge.to), edge])),
});

const IDS = ['/node/crew/a', '/node/agent/b', '/node/agent/c', '/node/tool/d', '/node/tool/e', '/user/f'];
const graphs = fc
  .array(fc.record({ from: fc.constantFrom(...IDS), to: fc.constantFrom(...IDS), isReply: fc.boolean() }), { maxLength: 14 })
  .map((edges) => topology(IDS, edges.map(({ from, to, isReply }) => (isReply ? reply(from, to) : call(from, to)))));

describe('withoutReplies', () => {
  it('leaves out what only answers calls that are shown', () => {
    const shown = withoutReplies(topology(['a', 'b', 'c'], [call('a', 'b'), reply('b', 'a'), reply('b', 'c')]));
    expect([...shown.edges.values()].map(({ from, to }) => `${from}${to}`)).toEqual(['ab', 'bc']);
  });

  it('keeps every call, and every pair of nodes that talked', () => {
    fc.assert(
      fc.property(graphs, (graph) => {
        const shown = withoutReplies(graph);
        for (const [key, edge] of graph.edges) {
          if (isCall(edge)) expect(shown.edges.has(key)).toBe(true);
          expect(shown.edges.has(key) || shown.edges.has(edgeKey(edge.to, edge.from))).toBe(true);
        }
      }),
    );
  });
});

describe('collapse', () => {
  it('hides what is called by the collapsed node alone, all the way down, and says how much', () => {
    const graph = topology(['crew', 'x', 'y', 'z', 'shared', 'other'], [call('crew', 'x'), call('x', 'y'), call('y', 'z'), call('x', 'shared'), call('other', 'shared'), reply('x', 'crew')]);
    const { topology: shown, counts } = collapse(graph, new Set(['crew']));
    expect([...shown.nodes.keys()]).toEqual(['crew', 'shared', 'other']);
    expect(counts.get('crew')).toBe(3);
  });

  it('never hides a node that somebody in sight calls, nor one that nobody calls', () => {
    fc.assert(
      fc.property(graphs, fc.subarray(IDS), (graph, collapsed) => {
        const { hidden } = hiddenBy(graph, new Set(collapsed));
        for (const id of hidden) {
          const callers = [...graph.edges.values()].filter((edge) => isCall(edge) && edge.to === id && edge.from !== id).map(({ from }) => from);
          expect(callers.length).toBeGreaterThan(0);
          for (const caller of callers) expect(hidden.has(caller) || collapsed.includes(caller)).toBe(true);
        }
      }),
    );
  });
});

describe('aggregate', () => {
  it('puts nodes of one kind together and keeps every count', () => {
    fc.assert(
      fc.property(graphs, fc.subarray(IDS.map(kindOf)), (graph, open) => {
        const merged = aggregate(graph, new Set(open));
        const sum = (values: number[]): number => values.reduce((a, b) => a + b, 0);
        expect(sum([...merged.nodes.values()].map(({ events }) => events))).toBe(sum([...graph.nodes.values()].map(({ events }) => events)));
        expect(sum([...merged.edges.values()].map(({ count }) => count))).toBe(sum([...graph.edges.values()].map(({ count }) => count)));
        for (const { from, to } of merged.edges.values()) expect(merged.nodes.has(from) && merged.nodes.has(to)).toBe(true);
      }),
    );
  });

  it('leaves a kind of one alone, and an open kind apart', () => {
    const graph = topology(IDS, []);
    expect([...aggregate(graph, new Set()).nodes.keys()]).toEqual(['/node/crew/a', '/node/agent/*', '/node/tool/*', '/user/f']);
    expect([...aggregate(graph, new Set(['/node/tool/*'])).nodes.keys()].filter(isAggregate)).toEqual(['/node/agent/*']);
  });
});
