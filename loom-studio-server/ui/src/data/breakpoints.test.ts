import { beforeEach, describe, expect, it } from 'vitest';
import { addBreakpoint, anyOf, enableBreakpoint, readBreakpoints, removeBreakpoint, useBreakpoints } from './breakpoints';

beforeEach(() => {
  useBreakpoints.setState({ list: [] });
});

describe('breakpoints', () => {
  it('are added once, switched and removed', () => {
    addBreakpoint(' type = "a" ');
    addBreakpoint('error');
    enableBreakpoint('type = "a"', false);
    expect(useBreakpoints.getState().list).toEqual([{ condition: 'type = "a"', enabled: false }, { condition: 'error', enabled: true }]);
    addBreakpoint('type = "a"');
    expect(useBreakpoints.getState().list).toEqual([{ condition: 'error', enabled: true }, { condition: 'type = "a"', enabled: true }]);
    removeBreakpoint('error');
    addBreakpoint('  ');
    expect(useBreakpoints.getState().list).toEqual([{ condition: 'type = "a"', enabled: true }]);
  });

  it('become one condition', () => {
    expect(anyOf([])).toBeNull();
    expect(anyOf([{ condition: 'a or b', enabled: true }, { condition: 'c', enabled: false }, { condition: 'd', enabled: true }])).toBe('(a or b) or (d)');
  });

  it.each([null, 'not json', '{}', '[1, null, {"condition": 3}, {"condition": " ", "enabled": true}]'])('are none in %j', (stored) => {
    expect(readBreakpoints(stored)).toEqual([]);
  });
});
