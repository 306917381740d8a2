/** Words, quotes and signs of a condition (`docs/conditions.md`), as far as this page has to tell them apart. */
export interface Token {
  kind: 'word' | 'text' | 'sign' | 'regex';
  /** A word or sign as it stands; a text without its quotes and escapes. */
  value: string;
  /** A star stands directly behind it: a prefix. */
  star: boolean;
  /** `start` ≤ index < `end`, in UTF-16 code units. */
  start: number;
  end: number;
}

const SIGN = /==|!=|<=|>=|&&|\|\||[=<>!≠(),[\]]/y;
const WORD = /[^\s()[\]{},"'`=!<>&|\\;≠]+/y;
const REGEX = /\/(?:[^/\\]|\\.)*\/i?/suy;
const QUOTED = { '"': /"(?:[^"\\]|\\.)*"/suy, "'": /'(?:[^'\\]|\\.)*'/suy };
const KEYWORDS = new Set(['and', 'or', 'not', 'in', 'contains', 'matches', 'exists']);
const ESCAPES: Record<string, string> = { n: '\n', t: '\t', r: '\r', '\\': '\\', '"': '"', "'": "'", '/': '/' };

export function isKeyword(token: Token | undefined, keyword?: string): boolean {
  if (token?.kind !== 'word' || token.star) return false;
  const word = token.value.toLowerCase();
  return keyword === undefined ? KEYWORDS.has(word) : word === keyword;
}

function unescape(inner: string): string | null {
  let known = true;
  const text = inner.replace(/\\(u[0-9a-fA-F]{4}|.)/gsu, (_, escape: string) => {
    if (escape.length === 5) return String.fromCharCode(Number.parseInt(escape.slice(1), 16));
    const char = ESCAPES[escape];
    known &&= char !== undefined;
    return char ?? '';
  });
  // Half a surrogate pair is no character.
  return known && !/\p{Surrogate}/u.test(text) ? text : null;
}

/** The tokens of a text; `null` where it holds something that can't be told. */
export function tokenize(text: string): Token[] | null {
  const tokens: Token[] = [];
  let at = 0;
  const take = (shape: RegExp): string | null => {
    shape.lastIndex = at;
    return shape.exec(text)?.[0] ?? null;
  };
  for (;;) {
    at += take(/\s*/y)?.length ?? 0;
    const first = text.charAt(at);
    if (first === '') return tokens;
    const start = at;
    let token: Omit<Token, 'start' | 'end'>;
    if (first === '"' || first === "'") {
      const quoted = take(QUOTED[first]);
      const value = quoted === null ? null : unescape(quoted.slice(1, -1));
      if (quoted === null || value === null) return null;
      at += quoted.length;
      const star = text.charAt(at) === '*';
      if (star) at += 1;
      token = { kind: 'text', value, star };
    } else if (first === '/' && isKeyword(tokens.at(-1), 'matches')) {
      const value = take(REGEX);
      if (value === null) return null;
      at += value.length;
      token = { kind: 'regex', value, star: false };
    } else {
      const sign = take(SIGN);
      const word = sign === null ? take(WORD) : null;
      const found = sign ?? word;
      if (found === null) return null;
      at += found.length;
      const star = word?.endsWith('*') === true;
      token = { kind: sign === null ? 'word' : 'sign', value: star ? found.slice(0, -1) : found, star };
    }
    tokens.push({ ...token, start, end: at });
  }
}
