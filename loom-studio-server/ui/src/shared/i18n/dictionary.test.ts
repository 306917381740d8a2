import { describe, expect, it } from 'vitest';
import { en, type MessageKey } from './en';
import { format } from './format';
import { zh } from './zh';

const placeholders = (text: string): string[] => [...text.matchAll(/\{(\w+)\}/g)].map(([, name]) => name ?? '').sort();

describe('dictionaries', () => {
  it('have the same keys', () => {
    expect(Object.keys(zh).sort()).toEqual(Object.keys(en).sort());
  });

  it.each(Object.keys(en) as MessageKey[])('%s has the same placeholders and is not empty', (key) => {
    expect(placeholders(zh[key])).toEqual(placeholders(en[key]));
    expect(en[key].trim()).not.toBe('');
    expect(zh[key].trim()).not.toBe('');
  });
});

describe('format', () => {
  it('fills in every placeholder and groups the digits of numbers', () => {
    expect(format('{n} of {n}, {x}', { n: 12345, x: '{n}' }, 'en')).toBe('12,345 of 12,345, {n}');
  });

  it('chooses the word for one and for many', () => {
    const count = (n: number): string => format('{n} {n|event|events}', { n }, 'en');
    expect([count(0), count(1), count(2)]).toEqual(['0 events', '1 event', '2 events']);
  });
});
