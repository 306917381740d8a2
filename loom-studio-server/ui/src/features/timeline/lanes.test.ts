import { describe, expect, it } from 'vitest';
import type { Lane } from '../../data/messages';
import { groupOf, linesOf } from './lanes';

const lane = (node: string): Lane => ({ node, events: 1, errors: 0, calls: 0 });

describe('lanes', () => {
  it.each([
    ['/node/agent/x', 'agent'],
    ['/node/tool/search/deep', 'tool'],
    ['/user/sdk', 'user'],
    ['/node/agents', 'other'],
    ['https://elsewhere/agent', 'other'],
    ['', 'other'],
  ])('%s is one of %s', (node, group) => {
    expect(groupOf(node)).toBe(group);
  });

  it('stand in groups, pinned ones first, and are hidden in a folded group', () => {
    const lines = linesOf([lane('/node/tool/a'), lane('/user/u'), lane('/node/tool/b'), lane('/node/agent/c')], new Set(['agent']), new Set(['/node/tool/b']));
    expect(lines.map((line) => (line.kind === 'group' ? `${line.group} ${String(line.lanes)} ${String(line.open)}` : line.lane.node))).toEqual([
      'pinned 1 true',
      '/node/tool/b',
      'user 1 true',
      '/user/u',
      'agent 1 false',
      'tool 1 true',
      '/node/tool/a',
    ]);
  });
});
