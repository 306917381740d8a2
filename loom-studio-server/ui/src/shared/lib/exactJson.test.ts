import { describe, expect, it } from 'vitest';
import { ExactNumber, exactNumber, parseExact } from './exactJson';

describe('parseExact', () => {
  it('reads ordinary JSON as JSON.parse does', () => {
    const text = '{"a":[1,1.50,-0.25,1e3,"x",null,true],"b":{"c":0.1}}';
    expect(parseExact(text)).toEqual(JSON.parse(text));
  });
});

describe('exactNumber', () => {
  it.each(['0', '-0', '1.50', '1e3', '1E+3', '0.1', '1500', '-2.5e-7', '9007199254740991'])('%s fits a number', (source) => {
    expect(exactNumber(Number(source), source)).toBe(Number(source));
  });

  it.each(['123456789012345678901234567890', '9007199254740993', '0.1000000000000000055511151231257827', '1e400'])(
    '%s keeps its digits',
    (source) => {
      expect(exactNumber(Number(source), source)).toEqual(new ExactNumber(source));
    },
  );
});
