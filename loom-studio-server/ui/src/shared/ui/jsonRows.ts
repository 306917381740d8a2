import { ExactNumber } from '../lib/exactJson';

/** Strings longer than this are folded until they are asked for. */
export const LONG_STRING = 200;
/** Children of one array or object shown at a time. */
export const CHILDREN_STEP = 100;

export type JsonKind = 'object' | 'array' | 'string' | 'number' | 'literal';

export interface JsonRow {
  /** Names the row: JSON Pointer of its value; rows that offer more children end in `/…`. */
  id: string;
  /** As a person writes it: `data.messages[0].content`. */
  path: string;
  label: string;
  depth: number;
  kind: JsonKind | 'more';
  value: unknown;
  /** Children of an array or object; for `more`, how many are left. */
  size: number;
  open: boolean;
  position: number;
  siblings: number;
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
  return `${id}/${key.replaceAll('~', '~0').replaceAll('/', '~1')}`;
}

/** What a tree remembers beside its value. */
export interface JsonTreeState {
  /** Rows whose open state differs from what their depth gives them. */
  toggled: ReadonlySet<string>;
  /** Children shown, where it is more than one step. */
  shown: ReadonlyMap<string, number>;
}

/** The rows of the tree that are visible, top to bottom. Values down to `openDepth` start open. */
export function jsonRows(root: unknown, state: JsonTreeState, openDepth: number): JsonRow[] {
  const rows: JsonRow[] = [];
  const visit = (value: unknown, id: string, path: string, depth: number): void => {
    const inArray = Array.isArray(value);
    const entries: [string, unknown][] = inArray
      ? value.map((item, index) => [String(index), item])
      : Object.entries(value as Record<string, unknown>);
    const limit = state.shown.get(id) ?? CHILDREN_STEP;
    entries.slice(0, limit).forEach(([key, item], index) => {
      const kind = kindOf(item);
      const size = kind === 'array' ? (item as unknown[]).length : kind === 'object' ? Object.keys(item as object).length : 0;
      const row: JsonRow = {
        id: childId(id, key),
        path: childPath(path, key, inArray),
        label: key,
        depth,
        kind,
        value: item,
        size,
        open: false,
        position: index + 1,
        siblings: entries.length,
      };
      row.open = size > 0 && depth < openDepth !== state.toggled.has(row.id);
      rows.push(row);
      if (row.open) visit(item, row.id, row.path, depth + 1);
    });
    if (entries.length > limit) {
      rows.push({
        id: `${id}/…`,
        path,
        label: '',
        depth,
        kind: 'more',
        value: id,
        size: entries.length - limit,
        open: false,
        position: limit + 1,
        siblings: entries.length,
      });
    }
  };
  if (typeof root === 'object' && root !== null) visit(root, '', '', 0);
  return rows;
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

/** What a key does in the tree, as the ARIA authoring practices have it. */
export function treeKey(key: string, rows: readonly JsonRow[], focused: string): TreeMove {
  const at = Math.max(
    0,
    rows.findIndex((row) => row.id === focused),
  );
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
