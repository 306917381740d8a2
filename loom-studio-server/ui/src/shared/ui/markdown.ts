/**
 * The part of Markdown that models write: headings, paragraphs, lists, quotations, code, emphasis, tables as they stand.
 * What isn't recognised stays text. HTML is text, and so are links: their words, with the address behind them.
 */
export type Inline =
  | { kind: 'text'; text: string }
  | { kind: 'code'; text: string }
  | { kind: 'strong' | 'emphasis' | 'deleted'; children: Inline[] }
  | { kind: 'link'; children: Inline[]; address: string };

export type Block =
  | { kind: 'heading'; level: number; children: Inline[] }
  | { kind: 'paragraph'; children: Inline[] }
  | { kind: 'code'; language: string; text: string }
  | { kind: 'list'; isOrdered: boolean; start: number; items: Block[][] }
  | { kind: 'quote'; children: Block[] }
  | { kind: 'rule' };

/** Deeper nesting than people write is left as text, so that no input makes the reader deep. */
const DEEPEST = 12;

const FENCE = /^ {0,3}(`{3,}|~{3,})\s*([\w+#.-]*)[^`]*$/;
const HEADING = /^ {0,3}(#{1,6})\s+(.*?)\s*#*$/;
const RULE = /^ {0,3}([-*_])(?:[ \t]*\1){2,}[ \t]*$/;
const ITEM = /^( {0,3})([-*+]|\d{1,9}[.)])( {1,4}|$)(.*)$/;
const QUOTE = /^ {0,3}> ?(.*)$/;

function startsBlock(line: string): boolean {
  return FENCE.test(line) || HEADING.test(line) || RULE.test(line) || ITEM.test(line) || QUOTE.test(line);
}

/** The blocks of a text. Linear in its length, but for the nesting of lists and quotations. */
export function markdownBlocks(text: string, depth = 0): Block[] {
  return blocksOf(text.split(/\r\n|\r|\n/), depth);
}

function blocksOf(lines: readonly string[], depth: number): Block[] {
  const blocks: Block[] = [];
  const paragraph: string[] = [];
  const endParagraph = (): void => {
    if (paragraph.length > 0) blocks.push({ kind: 'paragraph', children: inlines(paragraph.join('\n')) });
    paragraph.length = 0;
  };
  for (let i = 0; i < lines.length; i += 1) {
    const line = lines[i] ?? '';
    const fence = FENCE.exec(line);
    const heading = HEADING.exec(line);
    const item = depth < DEEPEST ? ITEM.exec(line) : null;
    const quote = depth < DEEPEST ? QUOTE.exec(line) : null;
    if (line.trim() === '') endParagraph();
    else if (fence !== null) {
      endParagraph();
      const [, mark = '', language = ''] = fence;
      const code: string[] = [];
      for (i += 1; i < lines.length; i += 1) {
        const inside = lines[i] ?? '';
        const end = inside.trim();
        if (end.length >= mark.length && end === (mark[0] ?? '').repeat(end.length)) break;
        code.push(inside);
      }
      blocks.push({ kind: 'code', language, text: code.join('\n') });
    } else if (heading !== null) {
      endParagraph();
      blocks.push({ kind: 'heading', level: heading[1]?.length ?? 1, children: inlines(heading[2] ?? '') });
    } else if (RULE.test(line)) {
      endParagraph();
      blocks.push({ kind: 'rule' });
    } else if (quote !== null) {
      endParagraph();
      const inside: string[] = [];
      for (let found: RegExpExecArray | null = quote; found !== null; found = QUOTE.exec(lines[i] ?? '')) {
        inside.push(found[1] ?? '');
        i += 1;
      }
      i -= 1;
      blocks.push({ kind: 'quote', children: blocksOf(inside, depth + 1) });
    } else if (item !== null) {
      endParagraph();
      const [list, next] = listAt(lines, i, depth);
      blocks.push(list);
      i = next - 1;
    } else paragraph.push(line);
  }
  endParagraph();
  return blocks;
}

/** The list that begins at line `from`, and the line after it. */
function listAt(lines: readonly string[], from: number, depth: number): [Block, number] {
  const isOrdered = /^\s*\d/.test(lines[from] ?? '');
  const items: Block[][] = [];
  const start = Number(/\d+/.exec(lines[from] ?? '')?.[0] ?? 1);
  let i = from;
  while (i < lines.length) {
    const found = ITEM.exec(lines[i] ?? '');
    if (found === null || /\d/.test(found[2] ?? '') !== isOrdered || RULE.test(lines[i] ?? '')) break;
    const [, lead = '', mark = '', gap = '', rest = ''] = found;
    const indent = lead.length + mark.length + Math.max(1, gap.length);
    const inside = [rest];
    for (i += 1; i < lines.length; i += 1) {
      const line = lines[i] ?? '';
      const depthOf = line.length - line.trimStart().length;
      if (line.trim() === '') {
        const next = lines[i + 1] ?? '';
        if (next.trim() === '' || next.length - next.trimStart().length < Math.min(indent, 2)) break;
        inside.push('');
      } else if (depthOf >= Math.min(indent, 2)) inside.push(line.slice(Math.min(indent, depthOf)));
      else if (startsBlock(line)) break;
      else inside.push(line);
    }
    items.push(blocksOf(inside, depth + 1));
    while (i < lines.length && (lines[i] ?? '').trim() === '' && ITEM.test(lines[i + 1] ?? '')) i += 1;
  }
  return [{ kind: 'list', isOrdered, start, items }, i];
}

/** What a mark of emphasis opens, tried in this order. Each ends on its line and after 400 letters, so that a stray star neither marks nor costs much. */
const SPAN =
  /\\([\\`*_{}[\]()#+\-.!~|>])|(`{1,9})([^`](?:[^\n]{0,400}?[^`])?)\2(?!`)|\*\*(?=\S)([^\n]{0,400}?\S)\*\*|__(?=\S)([^\n]{0,400}?\S)__(?!\w)|~~(?=\S)([^\n]{0,400}?\S)~~|\*(?=[^\s*])([^\n*]{0,400}?[^\s*])\*(?!\*)|(?<!\w)_(?=[^\s_])([^\n_]{0,400}?[^\s_])_(?!\w)|!?\[([^\]\n]{0,400})\]\(([^()\s]{0,2000})(?:\s{1,9}"[^"\n]{0,400}")?\)/g;

/** Longer texts than this are left without emphasis: nobody reads them for it. */
const INLINE_AT_MOST = 20_000;

/** The emphasis, code and links of a text without blocks. */
export function inlines(text: string, depth = 0): Inline[] {
  if (depth > DEEPEST || text.length > INLINE_AT_MOST) return text === '' ? [] : [{ kind: 'text', text }];
  const parts: Inline[] = [];
  let from = 0;
  const add = (until: number): void => {
    if (until > from) parts.push({ kind: 'text', text: text.slice(from, until) });
  };
  for (const found of text.matchAll(SPAN)) {
    const [whole, escaped, , code, stars, lines, deleted, star, line, label, address] = found;
    add(found.index);
    const strong = stars ?? lines;
    const soft = star ?? line;
    if (escaped !== undefined) parts.push({ kind: 'text', text: escaped });
    else if (code !== undefined) parts.push({ kind: 'code', text: code.trim() });
    else if (strong !== undefined) parts.push({ kind: 'strong', children: inlines(strong, depth + 1) });
    else if (deleted !== undefined) parts.push({ kind: 'deleted', children: inlines(deleted, depth + 1) });
    else if (soft !== undefined) parts.push({ kind: 'emphasis', children: inlines(soft, depth + 1) });
    else parts.push({ kind: 'link', children: inlines(label ?? '', depth + 1), address: address ?? '' });
    from = found.index + whole.length;
  }
  add(text.length);
  return parts;
}
