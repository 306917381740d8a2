// @vitest-environment jsdom
import { cleanup, fireEvent, render, screen, within } from '@testing-library/react';
import { afterEach, describe, expect, it } from 'vitest';
import { ExactNumber } from '../lib/exactJson';
import { CHILDREN_STEP, jsonRows, treeKey, valueText } from './jsonRows';
import { JsonTree } from './JsonTree';

afterEach(cleanup);

const CLOSED = { toggled: new Set<string>(), shown: new Map<string, number>() };
const VALUE = { id: 'e-1', data: { messages: [{ content: 'hi' }], 'odd key': null, 'a/b': 1 }, empty: {} };

describe('jsonRows', () => {
  it('names rows by path, and opens what its depth and the toggles say', () => {
    const rows = jsonRows(VALUE, CLOSED, 2);
    expect(rows.map(({ id, path, open }) => [id, path, open])).toEqual([
      ['/id', 'id', false],
      ['/data', 'data', true],
      ['/data/messages', 'data.messages', true],
      ['/data/messages/0', 'data.messages[0]', false],
      ['/data/odd key', 'data["odd key"]', false],
      ['/data/a~1b', 'data["a/b"]', false],
      ['/empty', 'empty', false],
    ]);
    expect(jsonRows(VALUE, { ...CLOSED, toggled: new Set(['/data']) }, 2)).toHaveLength(3);
  });

  it('offers the rest of a long array', () => {
    const rows = jsonRows({ list: Array.from({ length: CHILDREN_STEP + 50 }, (_, i) => i) }, CLOSED, 1);
    expect(rows).toHaveLength(CHILDREN_STEP + 2);
    expect(rows.at(-1)).toMatchObject({ kind: 'more', size: 50, value: '/list' });
    expect(jsonRows({ list: Array(150).fill(0) }, { ...CLOSED, shown: new Map([['/list', 1000]]) }, 1)).toHaveLength(151);
  });

  it('copies values with the digits that were sent', () => {
    expect(valueText('plain')).toBe('plain');
    expect(valueText({ n: new ExactNumber('12345678901234567890'), e: [], o: {} })).toBe('{\n  "n": 12345678901234567890,\n  "e": [],\n  "o": {}\n}');
    expect(JSON.parse(valueText(VALUE))).toEqual(VALUE);
  });
});

describe('treeKey', () => {
  const rows = jsonRows(VALUE, CLOSED, 1);
  it.each([
    ['ArrowDown', '/id', { focus: '/data' }],
    ['ArrowUp', '/id', { focus: '/id' }],
    ['End', '/id', { focus: '/empty' }],
    ['Home', '/empty', { focus: '/id' }],
    ['ArrowRight', '/data', { focus: '/data/messages' }],
    ['ArrowRight', '/data/messages', { toggle: '/data/messages' }],
    ['ArrowRight', '/id', null],
    ['ArrowLeft', '/data/messages', { focus: '/data' }],
    ['ArrowLeft', '/data', { toggle: '/data' }],
    ['Enter', '/data', { toggle: '/data' }],
    ['x', '/data', null],
  ])('%s on %s', (key, focused, move) => {
    expect(treeKey(key, rows, focused)).toEqual(move);
  });
});

describe('JsonTree', () => {
  it('shows payloads as text and folds long strings', () => {
    const long = `<img src=x onerror=alert(1)>${'y'.repeat(300)}`;
    const { container } = render(<JsonTree value={{ data: { html: long } }} label="event" />);
    expect(container.querySelector('img')).toBeNull();
    const row = screen.getByRole('treeitem', { name: /html/ });
    expect(row.textContent).not.toContain(long);
    fireEvent.click(within(row).getByRole('button', { name: /show all 328 characters/ }));
    expect(screen.getByRole('treeitem', { name: /html/ }).textContent).toContain(long);
  });

  it('is one stop for the Tab key and moves, closes and opens by arrows', () => {
    render(<JsonTree value={VALUE} label="event" openDepth={1} />);
    const focusable = (): HTMLElement[] => screen.getAllByRole('treeitem').filter(({ tabIndex }) => tabIndex === 0);
    expect(focusable()).toHaveLength(1);
    focusable()[0]?.focus();
    fireEvent.keyDown(document.activeElement as Element, { key: 'ArrowDown' });
    expect(document.activeElement?.getAttribute('aria-expanded')).toBe('true');
    fireEvent.keyDown(document.activeElement as Element, { key: 'ArrowLeft' });
    expect(document.activeElement?.getAttribute('aria-expanded')).toBe('false');
    expect(screen.getAllByRole('treeitem')).toHaveLength(3);
    expect(focusable()).toEqual([document.activeElement]);
  });
});
