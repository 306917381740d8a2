/** Strings that attack a page which takes text for something else. Each names itself, so that what got through can be told. */
const MARK = 'window.__hostile=1';

const MARKUP = [
  `<script>${MARK}</script>`,
  `<img src=x onerror="${MARK}">`,
  `<svg onload="${MARK}">`,
  `"><script>${MARK}</script>`,
  `'><iframe srcdoc="<script>parent.__hostile=1</script>">`,
  `javascript:${MARK}`,
  `data:text/html,<script>${MARK}</script>`,
  `</style><style>*{display:none}</style>`,
  `</title><meta http-equiv="refresh" content="0;url=javascript:${MARK}">`,
  `[link](javascript:${MARK})`,
  `![x](https://198.51.100.7/pixel.png)`,
  '`<b>x</b>`',
  `{{constructor.constructor('${MARK}')()}}`,
  `\${${MARK}}`,
  `<%= ${MARK} %>`,
  `#{${MARK}}`,
  `<!--<img src="--><img src=x onerror=${MARK}//">`,
  `<math><mtext><table><mglyph><style><img src=x onerror=${MARK}>`,
  `<details open ontoggle="${MARK}">`,
  `<a href="javascript:${MARK}" autofocus onfocus="${MARK}">x</a>`,
];

const NAMES = ['__proto__', 'constructor', 'prototype', 'toString', 'hasOwnProperty', 'valueOf', '__defineGetter__', 'then', 'length', 'NaN', 'undefined', 'null', '-0', '1e999'];

const TEXT = [
  '\u202Egnp.exe\u202C',
  '\u2066\u2067\u2068\u2069',
  'a\u0000b',
  '\u0001\u0007\u001b[31mred\u001b[0m\u007f',
  '\u0085\u2028\u2029',
  '\uFEFF\u200B\u200D',
  '👩‍👩‍👧‍👦🏳️‍🌈'.repeat(8),
  'Z\u0351\u0343\u0365'.repeat(40),
  'مرحبا שלום',
  '\uFFFD\uFFFE',
  '../../../../etc/passwd',
  '%2e%2e%2f%00%3Cscript%3E',
  '?at=1&workspace=x#y',
  "'; drop table events; --",
  '\\u003cscript\\u003e',
  '\t\r\n',
  ' ',
  'x'.repeat(5000),
  'W'.repeat(20_000),
  '/'.repeat(300),
];

const WRAPS: ((text: string) => string)[] = [
  (text) => text,
  (text) => `/node/agent/${text}`,
  (text) => `"${text}"`,
  (text) => `${text}${text}`,
  (text) => `\u202E${text}`,
  (text) => ` ${text}\n`,
  (text) => `<b>${text}</b>`,
  (text) => `/${text}/${text}`,
  (text) => `👾${text}`,
  (text) => text.split('').reverse().join(''),
];

/** At least five hundred of them, all different. */
export function hostileStrings(): string[] {
  return [...new Set(WRAPS.flatMap((wrap) => [...MARKUP, ...NAMES, ...TEXT].map(wrap)))];
}
