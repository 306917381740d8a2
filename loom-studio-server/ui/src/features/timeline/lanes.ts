import type { Lane } from '../../data/messages';

export const GROUPS = ['pinned', 'user', 'crew', 'router', 'agent', 'tool', 'other'] as const;
export type Group = (typeof GROUPS)[number];

/** A line of the picture: the heading of a group, or a lane. */
export type Line = { kind: 'group'; group: Group; lanes: number; open: boolean } | { kind: 'lane'; lane: Lane; group: Group };

/** The group a node belongs to, by the first telling part of its id. */
export function groupOf(node: string): Exclude<Group, 'pinned'> {
  const part = /^\/(?:node\/)?([a-z]+)(?:\/|$)/.exec(node)?.[1] ?? '';
  return (['user', 'crew', 'router', 'agent', 'tool'] as const).find((name) => name === part) ?? 'other';
}

/** Headings and lanes, top to bottom. Pinned lanes come first; a group that is folded has only its heading. */
export function linesOf(lanes: readonly Lane[], folded: ReadonlySet<Group>, pinned: ReadonlySet<string>): Line[] {
  const lines: Line[] = [];
  for (const group of GROUPS) {
    const members = lanes.filter(({ node }) => (pinned.has(node) ? 'pinned' : groupOf(node)) === group);
    if (members.length === 0) continue;
    const open = !folded.has(group);
    lines.push({ kind: 'group', group, lanes: members.length, open });
    if (open) for (const lane of members) lines.push({ kind: 'lane', lane, group });
  }
  return lines;
}
