import { describe, expect, it } from 'vitest';
import { accept, isWorthSaying, mergeCandidates, type Candidate } from './completion';
import { exportLink } from './exportLink';

const facets = {
  type: 'facets' as const, id: 1,
  types: [{ value: 'node.request', count: 9 }, { value: 'a b', count: 2 }],
  nodes: [{ value: '/node/crew/master', count: 4 }],
  sessions: [],
};
const offered = (text: string, server: Candidate[] = []): [string, number, number][] =>
  mergeCandidates(text, text.length, server, facets).map((candidate) => [candidate.text, candidate.from, candidate.to]);

describe('completion', () => {
  it('offers the values held where one is typed, before what the server offers', () => {
    expect(offered('type = ')).toEqual([['node.request', 7, 7], ['"a b"', 7, 7]]);
    expect(offered('seq > 1 and node != MAST')).toEqual([['/node/crew/master', 20, 24]]);
    expect(offered('type in (x, re')).toEqual([['node.request', 12, 14]]);
    expect(offered('type = "a')[0]).toEqual(['"a b"', 7, 9]);
    const server: Candidate[] = [{ text: 'node.request', kind: 'value', from: 7, to: 8 }, { text: 'node.*', kind: 'value', from: 7, to: 8 }];
    expect(offered('type = n', server)).toEqual([['node.request', 7, 8], ['node.*', 7, 8]]);
    expect(offered('my.type = ')).toEqual([]);
    expect(offered('type = node.request')).toEqual([]);
  });

  it('puts a candidate in its place, and the cursor behind it', () => {
    const put = (text: string, from: number, to: number, candidate: string): [string, number] => {
      const next = accept(text, { text: candidate, kind: 'field', from, to });
      return [next.text, next.cursor];
    };
    expect(put('ty', 0, 2, 'type')).toEqual(['type ', 5]);
    expect(put('ty = a', 0, 2, 'type')).toEqual(['type = a', 5]);
    expect(put('da', 0, 2, 'data')).toEqual(['data', 4]);
    expect(put('e', 0, 1, 'ext.')).toEqual(['ext.', 4]);
  });

  it('speaks of an error once it is one', () => {
    const error = { position: 6, end: 6, message: 'x', expected: [] };
    expect(isWorthSaying('type =', error, true)).toBe(false);
    expect(isWorthSaying('type =', error, false)).toBe(true);
    expect(isWorthSaying('type = a b', { ...error, position: 5 }, true)).toBe(true);
    expect(isWorthSaying('two words', { ...error, position: 4 }, false)).toBe(false);
    expect(isWorthSaying('type = a', null, false)).toBe(false);
  });
});

describe('the export', () => {
  it('is of what is shown', () => {
    const link = exportLink({ filter: 'cache', run: 3, range: { fromUs: 1_000_001, toUs: 2_500_000 }, session: 's', workspace: 'w' }, 9, 'csv');
    expect(Object.fromEntries(new URL(link, 'http://x').searchParams)).toEqual({
      format: 'csv', where: 'text contains "cache"', run_id: '3', session_id: 's', start_time: '1.000001', end_time: '2.500000', up_to: '9', workspace: 'w',
    });
    expect(exportLink({ filter: '', run: null, range: null, session: null, workspace: null }, null, 'jsonl')).toBe('/api/export?format=jsonl');
  });
});
