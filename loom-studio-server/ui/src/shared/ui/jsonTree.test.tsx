// @vitest-environment jsdom
import { cleanup, fireEvent, render, screen, within } from '@testing-library/react';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { ExactNumber } from '../lib/exactJson';
import { jsonRows, treeKey, valueText } from './jsonRows';
import { JsonTree } from './JsonTree';

afterEach(() => {
  cleanup();
  vi.restoreAllMocks();
});

const CLOSED = new Map<string, boolean>();
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
    expect(jsonRows(VALUE, new Map([['/data', false]]), 2)).toHaveLength(3);
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
    expect(treeKey(key, rows, rows.findIndex(({ id }) => id === focused))).toEqual(move);
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

  it('goes from match to match, opens what is around it and counts', () => {
    render(<JsonTree value={{ a: { b: { c: 'needle' } }, needle: 1, d: 'x' }} label="event" openDepth={0} isSearchable />);
    const box = screen.getByRole('searchbox');
    fireEvent.change(box, { target: { value: 'NEEDLE' } });
    expect(screen.getByText('2 matches')).toBeTruthy();
    expect(screen.queryByRole('treeitem', { name: /^c/ })).toBeNull();
    fireEvent.keyDown(box, { key: 'Enter' });
    expect(screen.getByText('1 of 2')).toBeTruthy();
    expect(screen.getByRole('treeitem', { name: /^c/ }).querySelector('mark')?.textContent).toBe('needle');
    fireEvent.keyDown(box, { key: 'Enter', shiftKey: true });
    expect(screen.getByText('2 of 2')).toBeTruthy();
    expect(screen.getByRole('treeitem', { name: /^needle/ }).dataset['current']).toBe('true');
  });

  it('shows two values as one tree, what is unchanged folded until it is asked for', () => {
    render(<JsonTree value={{ a: 1, b: 2, c: 3, d: { e: 'new', x: 0 } }} compared={{ before: { a: 1, b: 2, c: 3, d: { e: 'old', y: 0 } } }} label="event" />);
    expect(screen.getAllByRole('treeitem').map(({ textContent }) => textContent)).toEqual([
      '3 unchanged',
      'd: {',
      '±changed: e: "old" → "new"',
      '−removed: y: 0',
      '+added: x: 0',
    ]);
    fireEvent.click(screen.getByText('3 unchanged'));
    expect(screen.getAllByRole('treeitem')).toHaveLength(7);
    expect(screen.getByRole('status').textContent).toBe('3 changes');
  });

  it('keeps only the rows in sight of a tree with very many', () => {
    vi.spyOn(Element.prototype, 'clientHeight', 'get').mockReturnValue(400);
    vi.spyOn(HTMLElement.prototype, 'offsetHeight', 'get').mockReturnValue(20);
    const list = Array.from({ length: 100_000 }, (_, index) => index);
    render(<JsonTree value={{ list }} label="event" openDepth={1} />);
    const shown = screen.getAllByRole('treeitem');
    expect(shown.length).toBeLessThan(200);
    expect(shown[1]?.getAttribute('aria-setsize')).toBe('100000');
  });
});
