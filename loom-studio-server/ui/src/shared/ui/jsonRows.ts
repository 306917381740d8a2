import { ExactNumber } from '../lib/exactJson';
import type { DiffMark, DiffNode } from './jsonDiff';

/** Ends the ids of folded rows; no JSON Pointer has it. */
export const FOLD_SUFFIX = '/~~';
/** Shorter runs of unchanged values aren't worth folding. */
const FOLD_UNCHANGED = 3;

export type JsonKind = 'object' | 'array' | 'string' | 'number' | 'literal';

export interface JsonRow {
  /** Names the row: JSON Pointer of its value. Folded rows have one with `FOLD_SUFFIX`. */
  id: string;
  /** As a person writes it: `data.messages[0].content`. */
  path: string;
  label: string;
  depth: number;
  kind: JsonKind | 'more';
  value: unknown;
  /** Children of an array or object; for `more`, how many unchanged ones are folded. */
  size: number;
  open: boolean;
  position: number;
  siblings: number;
  /** In a comparison, what became of the value. */
  mark?: DiffMark;
  /** What a changed value was. */
  before?: unknown;
}

export function kindOf(value: unknown): JsonKind {
  if (Array.isArray(value)) return 'array';
  if (value instanceof ExactNumber || typeof value === 'number') return 'number';
  if (typeof value === 'object' && value !== null) return 'object';
  return typeof value === 'string' ? 'string' : 'literal';
}

function childPath(path: string, key: string, inArray: boolean): string {
  if (inArray) return `${path}[${key}]`;
  if (!/^[A-Za-z_$][\w$]*$/.test(key)) return `${path}[${JSON.stringify(key)}]`;
  return path === '' ? key : `${path}.${key}`;
}

function childId(id: string, key: string): string {
  return /[~/]/.test(key) ? `${id}/${key.replaceAll('~', '~0').replaceAll('/', '~1')}` : `${id}/${key}`;
}

/** Rows that were opened (`true`) or closed by hand, by id. All others are as their depth or the comparison has them. */
export type OpenedRows = ReadonlyMap<string, boolean>;

export function sizeOf(value: unknown): number {
  if (Array.isArray(value)) return value.length;
  return kindOf(value) === 'object' ? Object.keys(value as object).length : 0;
}

interface Parent {
  id: string;
  path: string;
  depth: number;
  inArray: boolean;
  mark?: DiffMark | undefined;
}

/** Collects rows top to bottom; `isOpen` says which of those with children show them. */
function collect(root: unknown, diff: DiffNode | null, isOpen: (id: string, depth: number, mark?: DiffMark) => boolean): JsonRow[] {
  const rows: JsonRow[] = [];
  const push = (parent: Parent, label: string, value: unknown, position: number, siblings: number, node: DiffNode | null): void => {
    const id = childId(parent.id, label);
    const mark = node?.mark ?? parent.mark;
    // Of what is compared, members that are gone count too.
    const size = node?.children?.length ?? sizeOf(value);
    const row: JsonRow = {
      id,
      path: childPath(parent.path, label, parent.inArray),
      label,
      depth: parent.depth,
      kind: kindOf(value),
      value,
      size,
      open: size > 0 && isOpen(id, parent.depth, mark),
      position,
      siblings,
    };
    if (mark !== undefined) row.mark = mark;
    if (node?.mark === 'changed') row.before = node.before;
    rows.push(row);
    if (!row.open) return;
    // What is inside of something new, gone or unchanged shares its fate; what is inside a replaced value is part of the new one.
    const inside: Parent = { id, path: row.path, depth: parent.depth + 1, inArray: row.kind === 'array', mark: mark === 'changed' ? undefined : mark };
    if (node?.children == null) plain(value, inside);
    else compared(node.children, inside);
  };
  const plain = (value: unknown, parent: Parent): void => {
    if (Array.isArray(value)) for (let i = 0; i < value.length; i += 1) push(parent, String(i), value[i], i + 1, value.length, null);
    else {
      const keys = Object.keys(value as object);
      for (let i = 0; i < keys.length; i += 1) {
        const key = keys[i] ?? '';
        push(parent, key, (value as Record<string, unknown>)[key], i + 1, keys.length, null);
      }
    }
  };
  const compared = (children: readonly DiffNode[], parent: Parent): void => {
    const unfolded = isOpen(`${parent.id}${FOLD_SUFFIX}`, parent.depth, 'same');
    for (let i = 0; i < children.length; i += 1) {
      let end = i;
      while (!unfolded && children[end]?.mark === 'same') end += 1;
      if (end - i >= FOLD_UNCHANGED) {
        rows.push({
          id: `${parent.id}${FOLD_SUFFIX}${String(i)}`,
          path: parent.path,
          label: '',
          depth: parent.depth,
          kind: 'more',
          value: `${parent.id}${FOLD_SUFFIX}`,
          size: end - i,
          open: false,
          position: i + 1,
          siblings: children.length,
          mark: 'same',
        });
        i = end - 1;
        continue;
      }
      const node = children[i];
      if (node !== undefined) push(parent, node.label, node.mark === 'removed' ? node.before : node.after, i + 1, children.length, node);
    }
  };
  if (diff !== null) {
    if (diff.children !== null) compared(diff.children, { id: '', path: '', depth: 0, inArray: Array.isArray(diff.after) });
    else if (diff.mark === 'same' && sizeOf(diff.after) > 0) plain(diff.after, { id: '', path: '', depth: 0, inArray: Array.isArray(diff.after), mark: 'same' });
  } else if (typeof root === 'object' && root !== null) plain(root, { id: '', path: '', depth: 0, inArray: Array.isArray(root) });
  return rows;
}

/** The rows of the tree that are visible, top to bottom. Values down to `openDepth` start open. */
export function jsonRows(root: unknown, opened: OpenedRows, openDepth: number): JsonRow[] {
  return collect(root, null, (id, depth) => opened.get(id) ?? depth < openDepth);
}

/** The visible rows of a comparison. What leads to a change starts open, runs of what is unchanged start folded into one row. */
export function diffRows(diff: DiffNode, opened: OpenedRows): JsonRow[] {
  return collect(null, diff, (id, _depth, mark) => opened.get(id) ?? mark === 'inside');
}

/** Every row there is, as if all were open. */
export function allRows(root: unknown, diff: DiffNode | null): JsonRow[] {
  return collect(root, diff, () => true);
}

/** `opened`, with everything around a row open. */
export function revealed(opened: OpenedRows, id: string): OpenedRows {
  const next = new Map(opened);
  for (let at = id.lastIndexOf('/'); at >= 0; at = id.lastIndexOf('/', at - 1)) {
    const around = id.slice(0, at);
    if (around !== '') next.set(around, true);
    next.set(`${around}${FOLD_SUFFIX}`, true);
    if (at === 0) break;
  }
  return next;
}

/** The text of a value for the clipboard: strings as they are, everything else as JSON with the digits that were sent. */
export function valueText(value: unknown): string {
  return typeof value === 'string' ? value : exactText(value, '');
}

function exactText(value: unknown, indent: string): string {
  if (value instanceof ExactNumber) return value.source;
  const inner = `${indent}  `;
  if (Array.isArray(value)) {
    return value.length === 0 ? '[]' : `[\n${value.map((item) => inner + exactText(item, inner)).join(',\n')}\n${indent}]`;
  }
  if (typeof value === 'object' && value !== null) {
    const members = Object.entries(value).map(([key, item]) => `${inner}${JSON.stringify(key)}: ${exactText(item, inner)}`);
    return members.length === 0 ? '{}' : `{\n${members.join(',\n')}\n${indent}}`;
  }
  return JSON.stringify(value);
}

export type TreeMove = { focus: string } | { toggle: string } | null;

/** What a key does at row `at` of the tree, as the ARIA authoring practices have it. */
export function treeKey(key: string, rows: readonly JsonRow[], at: number): TreeMove {
  const row = rows[at];
  if (row === undefined) return null;
  const focus = (index: number): TreeMove => {
    const target = rows[Math.max(0, Math.min(rows.length - 1, index))];
    return target === undefined ? null : { focus: target.id };
  };
  switch (key) {
    case 'ArrowDown':
      return focus(at + 1);
    case 'ArrowUp':
      return focus(at - 1);
    case 'Home':
      return focus(0);
    case 'End':
      return focus(rows.length - 1);
    case 'ArrowRight':
      if (row.size === 0 || row.kind === 'more') return null;
      return row.open ? focus(at + 1) : { toggle: row.id };
    case 'ArrowLeft': {
      if (row.open) return { toggle: row.id };
      for (let i = at - 1; i >= 0; i -= 1) if ((rows[i]?.depth ?? 0) < row.depth) return focus(i);
      return null;
    }
    case 'Enter':
    case ' ':
      return { toggle: row.id };
    default:
      return null;
  }
}
