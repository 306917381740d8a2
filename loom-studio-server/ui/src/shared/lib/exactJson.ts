/** A JSON number that a JavaScript number can't hold: its digits as they were sent. */
export class ExactNumber {
  readonly source: string;

  constructor(source: string) {
    this.source = source;
  }

  toJSON(): number {
    return Number(this.source);
  }

  valueOf(): number {
    return Number(this.source);
  }

  toString(): string {
    return this.source;
  }
}

type ExactReviver = (key: string, value: unknown, context?: { source?: string }) => unknown;

/** Number text in one form: `1.50E+3` and `1500` are both `15e2`. */
function canonical(text: string): string {
  const found = /^(-?)(\d+)(?:\.(\d+))?(?:[eE]([+-]?\d+))?$/.exec(text);
  if (found === null) return text;
  const [, sign = '', whole = '', fraction = '', exponent = '0'] = found;
  const digits = (whole + fraction).replace(/^0+/, '');
  const kept = digits.replace(/0+$/, '');
  if (kept === '') return '0';
  return `${sign}${kept}e${String(Number(exponent) - fraction.length + digits.length - kept.length)}`;
}

/** The value of a JSON number: itself where it says what the source says, else the source. */
export function exactNumber(value: number, source: string): number | ExactNumber {
  return String(value) === source || canonical(String(value)) === canonical(source) ? value : new ExactNumber(source);
}

/**
 * `JSON.parse`, but a number whose digits would change becomes an `ExactNumber`. Where the browser doesn't hand the
 * source text to revivers, numbers stay as `JSON.parse` reads them.
 */
export function parseExact(text: string): unknown {
  const revive: ExactReviver = (_key, value, context) =>
    typeof value === 'number' && context?.source !== undefined ? exactNumber(value, context.source) : value;
  return JSON.parse(text, revive as (key: string, value: unknown) => unknown) as unknown;
}
