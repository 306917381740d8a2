import type { ReactNode } from 'react';
import { byteSize } from './foldedText';
import { markdownBlocks, type Block, type Inline } from './markdown';
import css from './readable.module.css';

/** Longer texts stay as they are: reading them as Markdown would hold the page up. */
const MARKDOWN_AT_MOST = 200_000;

/** A text as Markdown, of plain elements: nothing in it can be followed, and HTML is text. */
export function Markdown({ text }: { text: string }) {
  if (text.length > MARKDOWN_AT_MOST) return <pre className={css['code']} data-size={byteSize(text.length)}>{text}</pre>;
  return <div className={css['markdown']}>{markdownBlocks(text).map(block)}</div>;
}

function block(it: Block, key: number): ReactNode {
  switch (it.kind) {
    case 'heading':
      // Headings of a payload are none of the page.
      return (
        <p key={key} className={css['heading']} data-level={it.level}>
          {it.children.map(inline)}
        </p>
      );
    case 'paragraph':
      return <p key={key}>{it.children.map(inline)}</p>;
    case 'code':
      return (
        <pre key={key} className={css['code']} data-language={it.language}>
          <code>{it.text}</code>
        </pre>
      );
    case 'quote':
      return <blockquote key={key}>{it.children.map(block)}</blockquote>;
    case 'rule':
      return <hr key={key} />;
    case 'list': {
      const items = it.items.map((item, index) => <li key={index}>{item.map(itemBlock)}</li>);
      return it.isOrdered ? (
        <ol key={key} start={it.start}>
          {items}
        </ol>
      ) : (
        <ul key={key}>{items}</ul>
      );
    }
  }
}

/** The first paragraph of an item stands beside its mark. */
function itemBlock(it: Block, key: number): ReactNode {
  return it.kind === 'paragraph' && key === 0 ? <span key={key}>{it.children.map(inline)}</span> : block(it, key);
}

function inline(it: Inline, key: number): ReactNode {
  switch (it.kind) {
    case 'text':
      return it.text;
    case 'code':
      return <code key={key}>{it.text}</code>;
    case 'strong':
      return <strong key={key}>{it.children.map(inline)}</strong>;
    case 'emphasis':
      return <em key={key}>{it.children.map(inline)}</em>;
    case 'deleted':
      return <del key={key}>{it.children.map(inline)}</del>;
    case 'link':
      return (
        <span key={key}>
          {it.children.map(inline)}
          {it.address !== '' && <span className={css['address']}>{` (${it.address})`}</span>}
        </span>
      );
  }
}
