import type { Call } from '../../data/runs';

/** The calls of a run as a tree: who was made in whom, each list in the order of time. */
export interface CallTree {
  calls: readonly Call[];
  roots: readonly number[];
  /** Children of each call, flat: those of `i` are `children[first[i]]` to `children[first[i + 1] - 1]`. */
  children: Uint32Array;
  first: Uint32Array;
}

export interface CallRow {
  call: number;
  depth: number;
  children: number;
  open: boolean;
}

export function callTree(calls: readonly Call[], roots: readonly number[]): CallTree {
  const first = new Uint32Array(calls.length + 1);
  for (const { parent } of calls) if (parent != null) first[parent + 1] = (first[parent + 1] as number) + 1;
  for (let i = 1; i < first.length; i += 1) first[i] = (first[i] as number) + (first[i - 1] as number);
  const next = first.slice();
  const children = new Uint32Array(first[calls.length] as number);
  calls.forEach(({ parent }, call) => {
    if (parent == null) return;
    const at = next[parent] as number;
    children[at] = call;
    next[parent] = at + 1;
  });
  return { calls, roots, children, first };
}

export function childrenOf({ children, first }: CallTree, call: number): Uint32Array {
  return children.subarray(first[call], first[call + 1]);
}

/** Calls that match, and all they were made in: what is left of a tree that is searched. */
export function matching({ calls }: CallTree, matches: (call: Call) => boolean): Set<number> {
  const kept = new Set<number>();
  calls.forEach((call, index) => {
    if (!matches(call)) return;
    for (let at: number | null | undefined = index; at != null && !kept.has(at); at = calls[at]?.parent) kept.add(at);
  });
  return kept;
}

/** The rows on screen, top to bottom, without recursion: a chain of calls can be as long as the run. */
export function visibleRows(tree: CallTree, closed: ReadonlySet<number>, kept: ReadonlySet<number> | null): CallRow[] {
  const rows: CallRow[] = [];
  const stack: { call: number; depth: number }[] = [];
  const push = (of: ArrayLike<number>, depth: number): void => {
    for (let i = of.length - 1; i >= 0; i -= 1) {
      const call = of[i] as number;
      if (kept === null || kept.has(call)) stack.push({ call, depth });
    }
  };
  push(tree.roots, 0);
  for (let next = stack.pop(); next !== undefined; next = stack.pop()) {
    const children = childrenOf(tree, next.call);
    const open = !closed.has(next.call) || kept !== null;
    rows.push({ ...next, children: children.length, open });
    if (open) push(children, next.depth + 1);
  }
  return rows;
}
