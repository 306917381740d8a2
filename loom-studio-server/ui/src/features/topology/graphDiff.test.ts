import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { edgeKey, TopologyModel } from '../../data/topology';
import type { TopologyEdge, TopologyNode } from '../../data/types';
import { changes, drawnPart, EDGES_DRAWN, edgeState, edgeWidth } from './graphDiff';

const node = (id: string, events = 1): TopologyNode => ({
  id, type: 'Node', name: id, role: null, status: 'idle', status_reason: null, metadata: {}, evidence: {},
  events, open_calls: 0, errors: 0, first_seq: 1, last_seq: 1, last_time: '2026-01-02T03:04:05Z', unregistered: null,
});
const edge = (from: string, to: string, count = 1): TopologyEdge => ({
  from, to, count, open: 0, errors: 0, blocked: 0, latency_ms: null, wait_ms: 0, last_seq: 1, last_time: '2026-01-02T03:04:05Z',
});
const frame = (part: Partial<Parameters<TopologyModel['apply']>[0]>) => ({
  at_seq: 1, reset: false, nodes: [], edges: [], removed_nodes: [], removed_edges: [], ...part,
});

describe('changes', () => {
  it('lead from one map to the other', () => {
    const value = fc.constantFrom({ v: 1 }, { v: 2 }, { v: 3 });
    const map = fc.dictionary(fc.constantFrom('a', 'b', 'c', 'd', 'e'), value).map((all) => new Map(Object.entries(all)));
    fc.assert(
      fc.property(map, map, (before, after) => {
        const { added, changed, removed } = changes(before, after);
        const result = new Map(before);
        for (const id of removed) result.delete(id);
        for (const [id, now] of after) if (added.includes(now) || changed.includes(now)) result.set(id, now);
        expect(result).toEqual(after);
        expect(removed).toEqual([...before.keys()].filter((id) => !after.has(id)));
        expect(changed.length).toBe([...after].filter(([id, now]) => before.has(id) && before.get(id) !== now).length);
      }),
    );
  });
});

describe('TopologyModel', () => {
  it('takes upserts, removals and a reset', () => {
    const model = new TopologyModel();
    model.apply(frame({ reset: true, nodes: [node('a'), node('b')], edges: [edge('a', 'b')] }));
    model.apply(frame({ nodes: [node('b', 5)], edges: [edge('a', 'b', 2), edge('b', 'a')], at_seq: 9 }));
    expect([model.nodes.get('b')?.events, model.edges.get(edgeKey('a', 'b'))?.count, model.edges.size, model.atSeq]).toEqual([5, 2, 2, 9]);
    model.apply(frame({ removed_nodes: ['b'], removed_edges: [['a', 'b']] }));
    expect([[...model.nodes.keys()], [...model.edges.keys()]]).toEqual([['a'], [edgeKey('b', 'a')]]);
    model.apply(frame({ reset: true }));
    expect(model.nodes.size + model.edges.size).toBe(0);
  });
});

describe('drawnPart', () => {
  it('draws the most used edges, says how many it leaves out, and no edge without its nodes', () => {
    const nodes = new Map(['a', 'b'].map((id) => [id, node(id)]));
    const edges = new Map<string, TopologyEdge>();
    for (let i = 0; i < EDGES_DRAWN + 7; i += 1) {
      nodes.set(`n${String(i)}`, node(`n${String(i)}`));
      edges.set(edgeKey('a', `n${String(i)}`), edge('a', `n${String(i)}`, i + 1));
    }
    edges.set(edgeKey('a', 'gone'), edge('a', 'gone', 1_000_000));
    const drawn = drawnPart({ nodes, edges });
    expect([drawn.edges.size, drawn.hiddenEdges, drawn.nodes.size]).toEqual([EDGES_DRAWN, 7, EDGES_DRAWN + 9]);
    expect(Math.min(...[...drawn.edges.values()].map(({ count }) => count))).toBe(8);
  });
});

describe('edgeWidth', () => {
  it('grows with the count between 1 and 7', () => {
    const widths = [0, 1, 2, 10, 100, 1e9].map(edgeWidth);
    expect(widths[0]).toBe(1);
    expect(widths[1]).toBe(1);
    expect(widths.at(-1)).toBe(7);
    expect([...widths].sort((a, b) => a - b)).toEqual(widths);
  });
});

describe('edgeState', () => {
  it('is failed from a tenth of the calls on, and open while a call is', () => {
    expect(edgeState({ open: 0, errors: 0, count: 0 })).toBe('');
    expect(edgeState({ open: 0, errors: 9, count: 100 })).toBe('');
    expect(edgeState({ open: 0, errors: 10, count: 100 })).toBe('failed');
    expect(edgeState({ open: 1, errors: 10, count: 100 })).toBe('open');
  });
});
