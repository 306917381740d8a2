import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { facetOf, matchesPattern, parseFilter, tokenize, withFacet } from './filter';

describe('parseFilter', () => {
  it('reads every kind of term', () => {
    expect(parseFilter('type:agent.* -node:crew/master session:"a b" error "to go" plain')).toEqual({
      terms: [
        { kind: 'type', negate: false, pattern: { kind: 'prefix', text: 'agent.' } },
        { kind: 'node', negate: true, pattern: { kind: 'exact', text: '/node/crew/master' } },
        { kind: 'session', negate: false, pattern: { kind: 'exact', text: 'a b' } },
        { kind: 'error', negate: false },
        { kind: 'text', negate: false, text: 'to go' },
        { kind: 'text', negate: false, text: 'plain' },
      ],
      errors: [],
    });
  });

  it.each([
    ['crew/master', '/node/crew/master'],
    ['node/crew/master', '/node/crew/master'],
    ['/node/crew/master', '/node/crew/master'],
    ['/user/sdk', '/user/sdk'],
    ['https://x.test/a', 'https://x.test/a'],
  ])('takes the node %s in any form', (value, text) => {
    expect(parseFilter(`node:${value}`).terms).toEqual([{ kind: 'node', negate: false, pattern: { kind: 'exact', text } }]);
  });

  it('takes "*x*" as contains and "error" in quotes as text', () => {
    expect(parseFilter('type:*call* "error"').terms).toEqual([
      { kind: 'type', negate: false, pattern: { kind: 'contains', text: 'call' } },
      { kind: 'text', negate: false, text: 'error' },
    ]);
  });

  it.each([
    ['a foo:x', 'unknown_key', 2, 7],
    ['type:', 'empty_value', 0, 5],
    ['x type:a*b', 'misplaced_star', 2, 10],
    ['x "open', 'open_quote', 2, 7],
    ['-', 'empty_value', 0, 1],
  ])('points at what is wrong in %j', (input, problem, start, end) => {
    expect(parseFilter(input).errors).toEqual([{ problem, start, end, token: input.slice(start, end) }]);
  });

  it('reads any input, and its tokens cover all but the blanks', () => {
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom('a', ':', '"', ' ', '-', '*', 'type', '/', '节') }), (input) => {
        const covered = tokenize(input);
        parseFilter(input);
        const rest = covered.reduceRight((text, { start, end }) => text.slice(0, start) + text.slice(end), input);
        expect(rest.trim()).toBe('');
      }),
    );
  });
});

describe('facets', () => {
  it('replaces, adds and removes a term, and leaves the others', () => {
    expect(withFacet('plain type:a -type:z', 'type', 'b')).toBe('plain -type:z type:b');
    expect(withFacet('plain', 'session', 'a b')).toBe('plain session:"a b"');
    expect(withFacet('error "error" x', 'error', null)).toBe('"error" x');
  });

  it('gives back what was set', () => {
    fc.assert(
      fc.property(fc.stringMatching(/^[a-z/. ]{0,8}[a-z]$/), fc.constantFrom('', 'x error', 'node:q type:y "a b"'), (value, before) => {
        expect(facetOf(withFacet(before, 'node', value), 'node')).toBe(value);
        expect(facetOf(withFacet(withFacet(before, 'node', value), 'node', null), 'node')).toBeNull();
      }),
    );
  });
});

describe('matchesPattern', () => {
  it('knows exact, prefix and contains', () => {
    expect(matchesPattern({ kind: 'exact', text: 'ab' }, 'abc')).toBe(false);
    expect(matchesPattern({ kind: 'prefix', text: 'ab' }, 'abc')).toBe(true);
    expect(matchesPattern({ kind: 'prefix', text: 'bc' }, 'abc')).toBe(false);
    expect(matchesPattern({ kind: 'contains', text: 'bc' }, 'abc')).toBe(true);
  });
});
