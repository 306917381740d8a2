import { expect, it } from 'vitest';
import { translator } from '../../shared/i18n/useT';
import { longest, worded } from './Why';

it('words a step by its code, and leaves it to the server where the code is new', () => {
  const t = translator('en');
  const step = { event: 4, node: '/node/agent/a', callee: '/node/tool/t', waited_ms: 30_000 };
  expect(worded(t, { ...step, code: 'never_heard', text: 'x' })).toBe('agent/a never heard of it and waited 30.0 s for tool/t');
  expect(worded(t, { ...step, code: 'melted', text: 'agent/a melted' })).toBe('agent/a melted');
});

it('adds up the stretches of each call on the critical path, waiting in vain apart', () => {
  const call = { from: 'a', start: '', status: 'ok' as const, duration_ms: 0, self_ms: 0 };
  const step = { from: '', until: '' };
  const shares = longest({
    calls: [{ ...call, request: 1, to: 'x' }, { ...call, request: 2, to: 'y' }],
    critical_path: [
      { ...step, call: 0, duration_ms: 2, pursuit: 'work' },
      { ...step, call: 1, duration_ms: 5, pursuit: 'work' },
      { ...step, call: 0, duration_ms: 4, pursuit: 'work' },
      { ...step, call: 0, duration_ms: 30, pursuit: 'wait_in_vain' },
    ],
  });
  expect(shares.map(({ node, ms, inVain }) => [node, ms, inVain])).toEqual([['x', 30, true], ['x', 6, false], ['y', 5, false]]);
});
