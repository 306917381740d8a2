// @vitest-environment jsdom
import { cleanup, fireEvent, render, screen } from '@testing-library/react';
import fc from 'fast-check';
import { afterEach, describe, expect, it } from 'vitest';
import { chatOf } from './chat';
import { Markdown } from './Markdown';
import { markdownBlocks, type Block, type Inline } from './markdown';
import { Readable } from './Readable';

afterEach(cleanup);

describe('Markdown', () => {
  it('shows headings, lists, code, emphasis and quotations', () => {
    const text = '# Plan\nFirst *look* at **it**, `then`\n\n- one\n- two\n  1. inner\n\n```py\nprint(1)\n```\n> said\n\n---';
    const { container } = render(<Markdown text={text} />);
    expect(container.querySelector('[data-level="1"]')?.textContent).toBe('Plan');
    expect([...container.querySelectorAll('em, strong, p > code')].map(({ textContent }) => textContent)).toEqual(['look', 'it', 'then']);
    expect(container.querySelectorAll('ul > li')).toHaveLength(2);
    expect(container.querySelector('ul ol > li')?.textContent).toBe('inner');
    expect(container.querySelector('pre')?.textContent).toBe('print(1)');
    expect(container.querySelector('blockquote')?.textContent).toBe('said');
    expect(container.querySelector('hr')).not.toBeNull();
  });

  it.each([
    '[click](javascript:alert(1)) [x](https://e.example/)',
    '![i](https://e.example/i.png)',
    '<img src=x onerror=alert(1)><script>alert(1)</script><a href="https://e.example">x</a>',
    '<https://e.example> https://e.example',
    '```html\n<iframe src="https://e.example"></iframe>\n```',
  ])('makes nothing that acts or leads away of %s', (text) => {
    const { container } = render(<Markdown text={text} />);
    expect(container.querySelector('a, img, script, iframe, [href], [src], [onerror], style, form, input')).toBeNull();
  });

  it('loses no letter of a text, whatever it looks like', () => {
    const letters = fc.string({ unit: fc.constantFrom('a', 'b', ' ', '\n', '*', '_', '`', '#', '-', '>', '1', '.', '[', ']', '(', ')', '~', '<', '\\'), maxLength: 120 });
    const inline = (part: Inline): string => ('children' in part ? part.children.map(inline).join('') + ('address' in part ? part.address : '') : part.text);
    const block = (it: Block): string => {
      if (it.kind === 'rule') return '';
      if (it.kind === 'code') return it.language + it.text;
      if (it.kind === 'list') return it.items.flat().map(block).join('');
      return (it.children as (Block | Inline)[]).map((child) => ('kind' in child && ['text', 'code', 'strong', 'emphasis', 'deleted', 'link'].includes(child.kind) && !('language' in child) ? inline(child as Inline) : block(child as Block))).join('');
    };
    fc.assert(
      fc.property(letters, (text) => {
        const kept = markdownBlocks(text).map(block).join('').replaceAll(/[^ab]/g, '');
        expect(kept).toBe(text.replaceAll(/[^ab]/g, ''));
      }),
      { numRuns: 500 },
    );
  });

  it('reads a long hostile text without going deep or back and forth', () => {
    for (const text of ['> '.repeat(5000), '- '.repeat(5000), '**a '.repeat(4000), '*_'.repeat(8000), '['.repeat(15_000), '`'.repeat(15_000), '``a'.repeat(5000)]) {
      expect(markdownBlocks(text).length).toBeGreaterThan(0);
    }
  });
});

describe('chatOf', () => {
  it('knows conversations and nothing else', () => {
    expect(chatOf([{ role: 'user', content: 'hi' }, { role: 'assistant', content: null, tool_calls: [1] }])).toEqual([
      { role: 'user', name: null, parts: [{ kind: 'text', text: 'hi' }] },
      { role: 'assistant', name: null, parts: [{ kind: 'other', name: 'tool_calls', value: [1] }] },
    ]);
    expect(chatOf([{ role: 'user', content: [{ type: 'text', text: 'a' }, { type: 'image_url', image_url: {} }] }])?.[0]?.parts.map(({ kind }) => kind)).toEqual(['text', 'other']);
    for (const value of [[], {}, null, 'x', [1], [{ role: 'user' }], [{ role: 1, content: '' }]]) expect(chatOf(value)).toBeNull();
  });
});

describe('Readable', () => {
  it('shows messages, their tree, or their text', () => {
    render(<Readable value={[{ role: 'system', content: 'You are **helpful**.' }]} label="messages" />);
    expect(screen.getByText('helpful').tagName).toBe('STRONG');
    fireEvent.click(screen.getByRole('button', { name: 'Tree' }));
    expect(screen.getAllByRole('treeitem').length).toBeGreaterThan(1);
    fireEvent.click(screen.getByRole('button', { name: 'Raw' }));
    expect(screen.getByText(/"You are \*\*helpful\*\*\."/)).toBeTruthy();
  });
});
