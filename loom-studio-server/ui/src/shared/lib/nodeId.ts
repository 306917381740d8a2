/** A node id without the prefix that nearly all share: `/node/crew/master` is `crew/master`. */
export function shortNode(id: string): string {
  return id.startsWith('/node/') ? id.slice('/node/'.length) : id;
}
