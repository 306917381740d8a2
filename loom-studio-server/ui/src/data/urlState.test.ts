import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeUrl, EMPTY_URL_STATE, encodeUrl, VIEWS, type UrlState } from './urlState';

const decode = (url: string): UrlState => {
  const { pathname, search } = new URL(url, 'http://localhost');
  return decodeUrl(pathname, search);
};

const seq = fc.option(fc.nat({ max: Number.MAX_SAFE_INTEGER }), { nil: null });
const text = fc.option(fc.string({ unit: 'grapheme' }), { nil: null });
const states: fc.Arbitrary<UrlState> = fc
  .record({
  view: fc.constantFrom(...VIEWS),
  beside: fc.option(fc.constantFrom(...VIEWS), { nil: null }),
  workspace: text,
  session: text,
  epoch: text,
  filter: fc.string({ unit: 'grapheme' }),
  at: seq,
  compare: seq,
  range: fc.option(
    fc.tuple(fc.nat({ max: 2 ** 52 }), fc.nat({ max: 2 ** 52 })).map(([from, length]) => ({ fromUs: from, toUs: from + length })),
    { nil: null },
  ),
  run: seq,
  seq,
  node: text,
  edge: fc.option(fc.record({ from: fc.string({ unit: 'grapheme' }), to: fc.string({ unit: 'grapheme' }) }), { nil: null }),
  table: fc.boolean(),
})
  // A view isn't shown beside itself.
  .map((state) => (state.beside === state.view ? { ...state, beside: null } : state));

describe('URL codec', () => {
  it('decodes what it encoded', () => {
    fc.assert(
      fc.property(states, (state) => {
        expect(decode(encodeUrl(state))).toEqual(state);
      }),
    );
  });

  it('has short addresses for plain states', () => {
    expect(encodeUrl(EMPTY_URL_STATE)).toBe('/topology');
    expect(encodeUrl({ ...EMPTY_URL_STATE, view: 'log', workspace: 'team' })).toBe('/log?workspace=team');
  });

  it('keeps only view and workspace of a version it does not know', () => {
    expect(decode('/log?v=2&seq=4&q=x&workspace=w')).toEqual({ ...EMPTY_URL_STATE, view: 'log', workspace: 'w' });
  });

  it('drops what is not a seq, and opens the first view for a path it does not know', () => {
    expect(decode('/elsewhere?seq=-1&at=1e3&time=5-4&with=topology')).toEqual(EMPTY_URL_STATE);
    expect(decode('/log?seq=99999999999999999').seq).toBeNull();
  });
});
