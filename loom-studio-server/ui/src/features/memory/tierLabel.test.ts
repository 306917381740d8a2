import { expect, it } from 'vitest';
import { translator } from '../../shared/i18n/useT';
import { tierLabel, tierOrder } from './tierLabel';

it('orders the tiers by how long they remember, and unknown ones behind by name', () => {
  expect(tierOrder(['zeta', 'long_term', 'alpha', 'session', 'ephemeral', 'working'])).toEqual(['ephemeral', 'session', 'working', 'long_term', 'alpha', 'zeta']);
});

it('keeps the name of a tier it does not know', () => {
  const t = translator('en');
  expect([tierLabel(t, 'long_term'), tierLabel(t, 'episodic')]).toEqual(['Long-term', 'episodic']);
});
