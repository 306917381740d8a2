import type { Translate } from '../../shared/i18n/useT';

const KNOWN = ['ephemeral', 'session', 'working', 'long_term'] as const;

/** Tiers in the order in which things are remembered longer; others follow by name. */
export function tierOrder(names: Iterable<string>): string[] {
  const rank = (name: string): number => {
    const at = (KNOWN as readonly string[]).indexOf(name);
    return at === -1 ? KNOWN.length : at;
  };
  return [...names].sort((a, b) => rank(a) - rank(b) || (a < b ? -1 : 1));
}

/** A tier's name; one that is none of Loom's keeps the name it was reported by. */
export function tierLabel(t: Translate, name: string): string {
  const known = KNOWN.find((tier) => tier === name);
  return known === undefined ? name : t(`memory.tier.${known}`);
}
