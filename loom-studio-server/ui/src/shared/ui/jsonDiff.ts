import { ExactNumber } from '../lib/exactJson';
import { kindOf } from './jsonRows';

/** `inside`: an object or array that is still there and has changes in it. */
export type DiffMark = 'same' | 'added' | 'removed' | 'changed' | 'inside';

/** One value of a comparison. */
export interface DiffNode {
  label: string;
  mark: DiffMark;
  before: unknown;
  after: unknown;
  /** Only of what is `inside`; everything else is whole. */
  children: DiffNode[] | null;
  /** Values added, removed or changed, here and inside. */
  changes: number;
}

function isSameScalar(before: unknown, after: unknown): boolean {
  if (before instanceof ExactNumber || after instanceof ExactNumber) {
    return before instanceof ExactNumber && after instanceof ExactNumber && before.source === after.source;
  }
  return before === after;
}

function gone(label: string, before: unknown): DiffNode {
  return { label, mark: 'removed', before, after: undefined, children: null, changes: 1 };
}

function fresh(label: string, after: unknown): DiffNode {
  return { label, mark: 'added', before: undefined, after, children: null, changes: 1 };
}

function arrayChildren(before: readonly unknown[], after: readonly unknown[]): DiffNode[] {
  const children: DiffNode[] = [];
  for (let i = 0; i < Math.max(before.length, after.length); i += 1) {
    const label = String(i);
    if (i >= after.length) children.push(gone(label, before[i]));
    else if (i >= before.length) children.push(fresh(label, after[i]));
    else children.push(diffJson(before[i], after[i], label));
  }
  return children;
}

function objectChildren(before: Record<string, unknown>, after: Record<string, unknown>): DiffNode[] {
  const children = Object.keys(before).map((key) => (Object.hasOwn(after, key) ? diffJson(before[key], after[key], key) : gone(key, before[key])));
  for (const key of Object.keys(after)) if (!Object.hasOwn(before, key)) children.push(fresh(key, after[key]));
  return children;
}

/**
 * Compares two JSON values: objects by name, whatever the order of their members, arrays by position. What was and what is
 * stand in one tree, removed members where they were. Linear in the size of both.
 */
export function diffJson(before: unknown, after: unknown, label = ''): DiffNode {
  const kind = kindOf(before);
  if (kind !== kindOf(after) || (kind !== 'array' && kind !== 'object')) {
    const isSame = isSameScalar(before, after);
    return { label, mark: isSame ? 'same' : 'changed', before, after, children: null, changes: isSame ? 0 : 1 };
  }
  const children =
    kind === 'array'
      ? arrayChildren(before as unknown[], after as unknown[])
      : objectChildren(before as Record<string, unknown>, after as Record<string, unknown>);
  const changes = children.reduce((sum, child) => sum + child.changes, 0);
  return { label, mark: changes === 0 ? 'same' : 'inside', before, after, children: changes === 0 ? null : children, changes };
}
