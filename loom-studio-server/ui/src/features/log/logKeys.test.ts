import { describe, expect, it } from 'vitest';
import { logKey, type KeyPlace, type KeyPress } from './logKeys';
import { listRange, MAX_ROWS, wantedWindow } from './logWindow';

const press = (key: string, change: Partial<KeyPress> = {}): KeyPress => ({ key, shiftKey: false, ctrlKey: false, metaKey: false, altKey: false, ...change });
const GRID: KeyPlace = { typing: false, control: false, pageRows: 30 };

describe('logKey', () => {
  it.each([
    ['j', { do: 'move', delta: 1 }],
    ['k', { do: 'move', delta: -1 }],
    ['ArrowDown', { do: 'move', delta: 1 }],
    ['ArrowUp', { do: 'move', delta: -1 }],
    ['PageDown', { do: 'move', delta: 30 }],
    ['PageUp', { do: 'move', delta: -30 }],
    ['Home', { do: 'move', delta: -Infinity }],
    ['End', { do: 'move', delta: Infinity }],
    ['Enter', { do: 'open' }],
    ['Escape', { do: 'close' }],
    ['/', { do: 'filter' }],
    
    [' ', { do: 'pause' }],
    ['f', { do: 'follow' }],
    ['m', { do: 'pin' }],
    ['x', null],
  ])('%j on the rows', (key, action) => {
    expect(logKey(press(key), GRID)).toEqual(action);
  });

  it('leaves typing alone', () => {
    for (const key of ['j', '/', 'p', ' ', 'Enter', 'ArrowDown', 'Escape']) expect(logKey(press(key), { ...GRID, typing: true })).toBeNull();
  });

  it('leaves Enter, Space and the arrows to a focused control', () => {
    for (const key of [' ', 'Enter', 'ArrowDown', 'Home']) expect(logKey(press(key), { ...GRID, control: true })).toBeNull();
    expect(logKey(press('j'), { ...GRID, control: true })).toEqual({ do: 'move', delta: 1 });
  });

  it('leaves combinations to the browser', () => {
    expect(logKey(press('f', { ctrlKey: true }), GRID)).toBeNull();
    expect(logKey(press('k', { metaKey: true }), GRID)).toBeNull();
  });
});

describe('the window of the list', () => {
  it('shows the newest rows when there are more than a browser can scroll', () => {
    expect(listRange(10, 110)).toEqual({ base: 10, count: 100 });
    expect(listRange(0, MAX_ROWS + 5)).toEqual({ base: 5, count: MAX_ROWS });
  });

  it('covers what is visible, and asks for nothing new after one row', () => {
    const range = { base: 1000, count: 5000 };
    for (let from = 0; from < 4900; from += 13) {
      const { first, count } = wantedWindow(range, from, from + 60, false);
      if (first === 'tail') throw new Error('not following');
      expect(first).toBeLessThanOrEqual(range.base + from);
      expect(first + count).toBeGreaterThan(range.base + from + 60);
    }
    expect(wantedWindow(range, 80, 140, false)).toEqual(wantedWindow(range, 81, 141, false));
    expect(wantedWindow(range, 80, 140, true).first).toBe('tail');
  });
});
