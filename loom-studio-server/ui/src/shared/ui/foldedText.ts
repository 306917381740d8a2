/** Strings longer than this are folded until they are asked for. */
export const LONG_STRING = 200;

/** Why a string is folded, and what stands for it. */
export type FoldedText = { kind: 'text'; start: string } | { kind: 'data' | 'base64'; start: string; media: string | null; bytes: number };

const SHORTEST_BASE64 = 120;
const START_OF_BASE64 = 24;

function decodedBytes(base64: string): number {
  const padding = base64.endsWith('==') ? 2 : base64.endsWith('=') ? 1 : 0;
  return Math.max(0, Math.floor(((base64.length - padding) * 3) / 4));
}

/** Text can look like base64 by chance: it must be long, of the alphabet alone, and use all of its kinds of letters. */
function looksLikeBase64(text: string): boolean {
  if (text.length < SHORTEST_BASE64 || !/^[A-Za-z0-9+/_-]{64}/.test(text)) return false;
  if (!/^[A-Za-z0-9+/_\r\n-]+={0,2}\s*$/.test(text)) return false;
  return /[A-Z]/.test(text) && /[a-z]/.test(text) && /\d/.test(text);
}

/** How a string is shown while it is folded; `null` for one that is shown whole. */
export function foldedText(text: string): FoldedText | null {
  const uri = /^data:([\w.+-]+\/[\w.+-]+)?((?:;[\w.+=-]+)*),/.exec(text.slice(0, LONG_STRING));
  if (uri !== null && text.length > SHORTEST_BASE64) {
    const [head, media = null, parameters = ''] = uri;
    const isBase64 = parameters.endsWith(';base64');
    return { kind: 'data', start: head, media, bytes: isBase64 ? decodedBytes(text.slice(head.length).trimEnd()) : text.length - head.length };
  }
  if (looksLikeBase64(text)) return { kind: 'base64', start: text.slice(0, START_OF_BASE64), media: null, bytes: decodedBytes(text.replaceAll(/\s/g, '')) };
  return text.length > LONG_STRING ? { kind: 'text', start: text.slice(0, LONG_STRING) } : null;
}

/** `812 B`, `12.3 kB`, `4.0 MB`. */
export function byteSize(bytes: number): string {
  if (bytes < 1000) return `${String(bytes)} B`;
  return bytes < 1_000_000 ? `${(bytes / 1000).toFixed(1)} kB` : `${(bytes / 1_000_000).toFixed(1)} MB`;
}
