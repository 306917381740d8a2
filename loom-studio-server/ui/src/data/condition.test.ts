import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { asCondition, fold, nodeId, parseFilter, type Filter } from './condition';
import { facetOf, literal, withFacet } from './conditionEdit';
import { tokenize } from './conditionTokens';

const kind = (text: string): Filter['kind'] => parseFilter(text).kind;

describe('parseFilter', () => {
  it('reads tests, what joins them, and what binds closest', () => {
    expect(parseFilter('type = agent.* and not node == "crew/master" or seq >= 7')).toEqual({
      kind: 'here',
      expr: {
        kind: 'or',
        of: [
          {
            kind: 'and',
            of: [
              { kind: 'text', field: 'type', op: '=', values: [{ text: 'agent.', prefix: true }] },
              { kind: 'not', of: { kind: 'text', field: 'node', op: '=', values: [{ text: '/node/crew/master', prefix: false }] } },
            ],
          },
          { kind: 'number', field: 'seq', op: '>=', values: [7] },
        ],
      },
    });
    expect(kind('(outcome=error||!(type in (a,"b c")))&&exists to')).toBe('here');
    expect(kind("TYPE = x")).toBe('server');
    expect(kind("type CONTAINS 'a b' AND session ≠ s1")).toBe('here');
  });

  it('reads times to the microsecond, in both spellings', () => {
    const time = (text: string): unknown => {
      const filter = parseFilter(`time < ${text}`);
      return filter.kind === 'here' && filter.expr.kind === 'number' ? filter.expr.values : filter.kind;
    };
    expect(time('1767323045.000001')).toEqual([1767323045000001]);
    expect(time('2026-01-02T03:04:05.5Z')).toEqual([1767323045500000]);
    expect(time('"2026-01-02T04:04:05.5+01:00"')).toEqual([1767323045500000]);
    expect(time('1767323045.0000001')).toBe('server');
    expect(time('yesterday')).toBe('server');
  });

  it.each(['', '  \n'])('takes %j for no filter', (text) => {
    expect(kind(text)).toBe('all');
  });

  it('takes bare words for words, and asks the server for them as texts', () => {
    expect(parseFilter('cache "hit rate" 节点')).toEqual({ kind: 'words', words: ['cache', 'hit rate', '节点'] });
    expect(asCondition('cache "hit rate"')).toBe('text contains "cache" and text contains "hit rate"');
    expect(asCondition(' type = a ')).toBe('type = a');
  });

  it.each([
    'data.tokens > 1000',
    'type = node.error and data.messages[*].content matches /time.?out/i',
    'text contains hit',
    'type matches /a b/',
    'ext."a b" = 1',
    'type =',
    'type = a b',
    'outcome = eror',
    'seq = "1"',
    'seq = 9007199254740993',
    'seq > 1.5',
    'type = a*b',
    'type = null',
    'type = not',
    'type < b',
    'from = crew*',
    'not',
    'type = "open',
    'type contains a*',
    '(type = a',
    'type = a)',
    String.raw`type = "\q"`,
    String.raw`type = "\ud800"`,
    `${'('.repeat(50)}type = a${')'.repeat(50)}`,
  ])('leaves %j to the server', (text) => {
    expect(kind(text)).toBe('server');
  });

  it('reads any input', () => {
    const part = fc.constantFrom('type', ' ', '=', '"', "'", '(', ')', 'and', 'or', 'not', 'a', '*', '/', '\\', 'data.x', '[', ',', 'matches', '节', '😀', '\n', 'in');
    fc.assert(
      fc.property(fc.array(part, { maxLength: 14 }), (parts) => {
        const input = parts.join('');
        parseFilter(input);
        const tokens = tokenize(input) ?? [];
        const rest = tokens.reduceRight((text, { start, end }) => text.slice(0, start) + text.slice(end), input);
        if (tokens.length > 0) expect(rest.trim()).toBe('');
      }),
      { numRuns: 1000 },
    );
  });
});

describe('what equals what', () => {
  it.each([
    ['crew/master', '/node/crew/master'],
    ['node/crew/master/', '/node/crew/master'],
    ['/node/crew/master', '/node/crew/master'],
    ['user/sdk', '/user/sdk'],
    ['https://x.test/a', 'https://x.test/a'],
    ['//', '//'],
  ])('the node %s in any spelling', (address, id) => {
    expect(nodeId(address)).toBe(id);
  });

  it('case as the language has it', () => {
    expect(fold('STRASSE')).toBe(fold('Straße'));
    expect(fold('ΣΑΣ')).toBe(fold('σας'));
    fc.assert(fc.property(fc.string({ maxLength: 20 }), (text) => { expect(fold(text.toUpperCase())).toBe(fold(text)); }));
  });
});

describe('facets', () => {
  it('replace, add and remove a test at the top, and leave the rest as typed', () => {
    expect(withFacet('seq > 1  and type = a', 'type', 'b')).toBe('seq > 1 and type = b');
    expect(withFacet('', 'session', 'a b')).toBe('session = "a b"');
    expect(withFacet('outcome = error and data.x = "outcome = error"', 'outcome', null)).toBe('data.x = "outcome = error"');
    expect(withFacet('type = a or type = b', 'node', 'x')).toBe('(type = a or type = b) and node = x');
    expect(withFacet('copper', 'type', 'a')).toBe('text contains "copper" and type = a');
    expect(withFacet('copper', 'type', null)).toBe('copper');
    expect(withFacet('(type = a)', 'type', null)).toBe('(type = a)');
    expect(withFacet('data.x matches /a and b/ and type = a', 'type', null)).toBe('data.x matches /a and b/');
    expect(facetOf('type != a and node = "x y"', 'node')).toBe('x y');
    expect(facetOf('type = a.*', 'type')).toBeNull();
    expect(facetOf('type = a or type = b', 'type')).toBeNull();
  });

  it('give back what was set, and only add one test', () => {
    const before = fc.constantFrom('', 'outcome = error', 'node = q and type = y', 'a b', 'type = a or seq = 1', 'data.x = 1');
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom('a', '/', ' ', '"', '*', '\\', '.', '节', 'not', '\b', '\n'), minLength: 1 }), before, (value, text) => {
        const set = withFacet(text, 'node', value);
        expect(facetOf(set, 'node')).toBe(value);
        expect(facetOf(withFacet(set, 'node', null), 'node')).toBeNull();
        expect(tokenize(`x = ${literal(value)}`)?.map((token) => token.value)).toEqual(['x', '=', value]);
      }),
    );
  });
});
