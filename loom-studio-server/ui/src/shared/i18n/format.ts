export type Values = Record<string, string | number>;

const numbers = new Map<string, Intl.NumberFormat>();

export function formatNumber(value: number, language: string): string {
  let format = numbers.get(language);
  if (format === undefined) {
    format = new Intl.NumberFormat(language, { maximumFractionDigits: 2 });
    numbers.set(language, format);
  }
  return format.format(value);
}

/** Puts values in the place of `{name}`; `{name|event|events}` is the first word for exactly one, else the second. */
export function format(text: string, values: Values, language: string): string {
  return text.replace(/\{(\w+)(?:\|([^|}]*)\|([^|}]*))?\}/g, (whole, name: string, one?: string, many?: string) => {
    const value = values[name];
    if (value === undefined) return whole;
    if (one !== undefined && many !== undefined) return value === 1 ? one : many;
    return typeof value === 'number' ? formatNumber(value, language) : value;
  });
}
