import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ExactNumber } from '../shared/lib/exactJson';
import { fieldCondition, nodeCondition, quoted, typeCondition } from './conditions';

/** Reads a string as the language's grammar has it: no other escapes than `\\ \" \' \/ \n \r \t \uXXXX`. */
function read(literal: string): string {
  expect(literal.startsWith('"') && literal.endsWith('"')).toBe(true);
  let text = '';
  for (let i = 1; i < literal.length - 1; i += 1) {
    const letter = literal[i] ?? '';
    expect(letter).not.toBe('"');
    if (letter !== '\\') {
      text += letter;
      continue;
    }
    i += 1;
    const escape = literal[i] ?? '';
    expect('\\"\'/nrtu').toContain(escape);
    if (escape === 'u') {
      text += String.fromCharCode(Number.parseInt(literal.slice(i + 1, i + 5), 16));
      i += 4;
    } else text += { n: '\n', r: '\r', t: '\t' }[escape] ?? escape;
  }
  return text;
}

describe('quoted', () => {
  it('says every string with the escapes there are', () => {
    const hard = fc.string({ unit: fc.constantFrom('\\', '"', 'b', 'f', 'n', 'u', '\b', '\f', '\n', '\0', '/', "'", 'é', '*') });
    fc.assert(fc.property(fc.oneof(hard, fc.string()), (text) => { expect(read(quoted(text))).toBe(text); }), { numRuns: 1000 });
  });
});

describe('fieldCondition', () => {
  const event = {
    type: 'agent.thought',
    studioseq: 7,
    traceparent: '00-a',
    data: {
      tokens: 12,
      big: new ExactNumber('9007199254740993'),
      ok: true,
      none: null,
      'a b': 'say "hi"',
      'x/y': 1,
      in: 'word',
      list: [{ n: 1.5 }],
      long: 'x'.repeat(5000),
    },
  };
  it.each([
    ['/type', 'type = "agent.thought"'],
    ['/studioseq', 'seq = 7'],
    ['/traceparent', 'ext.traceparent = "00-a"'],
    ['/data', 'exists data'],
    ['/data/tokens', 'data.tokens = 12'],
    ['/data/big', 'data.big = 9007199254740993'],
    ['/data/ok', 'data.ok = true'],
    ['/data/none', 'data.none = null'],
    ['/data/a b', 'data."a b" = "say \\"hi\\""'],
    ['/data/x~1y', 'data."x/y" = 1'],
    ['/data/in', 'data."in" = "word"'],
    ['/data/list/0/n', 'data.list[0].n = 1.5'],
    ['/data/list', 'exists data.list'],
    ['/data/long', null],
    ['/data/absent', null],
    ['/type/x', null],
    ['', null],
  ])('%s', (pointer, condition) => {
    expect(fieldCondition(event, pointer)).toBe(condition);
  });

  it('names types and nodes', () => {
    expect(typeCondition('node.error')).toBe('type = "node.error"');
    expect(nodeCondition('from', '/node/a b')).toBe('from = "/node/a b"');
  });
});
