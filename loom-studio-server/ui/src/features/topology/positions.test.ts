import { describe, expect, it } from 'vitest';
import { decodeArrangement, encodeArrangement, type Arrangement } from './positions';

const ARRANGEMENT: Arrangement = {
  epoch: 'a1',
  positions: new Map([['/node/a', { x: 1.5, y: -2 }]]),
  settled: true,
  viewport: { zoom: 1.25, pan: { x: 10, y: 20 } },
};

describe('arrangement', () => {
  it('survives a reload', () => {
    expect(decodeArrangement(encodeArrangement(ARRANGEMENT), 'a1')).toEqual(ARRANGEMENT);
  });

  it.each([encodeArrangement(ARRANGEMENT).replace('a1', 'b2'), null, '{', '{"epoch":"a1"}', '{"epoch":"a1","positions":[["x",{"x":null,"y":1}],7]}'])(
    'starts fresh from %j',
    (stored) => {
      expect(decodeArrangement(stored, 'a1')).toEqual({ epoch: 'a1', positions: new Map(), settled: false, viewport: null });
    },
  );
});
