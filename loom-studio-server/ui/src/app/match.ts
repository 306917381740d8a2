/** Whether every word of `query` occurs in `text`, in any order and case. */
export function matchesWords(text: string, query: string): boolean {
  const within = text.toLowerCase();
  return query
    .toLowerCase()
    .split(/\s+/)
    .every((word) => within.includes(word));
}
