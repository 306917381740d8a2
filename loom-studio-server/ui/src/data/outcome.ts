/** The `outcome` column. 0–2 are the protocol's; 3 is this page's own, for a row that stands for a gap. */
export const Outcome = { None: 0, Ok: 1, Error: 2, Gap: 3 } as const;
