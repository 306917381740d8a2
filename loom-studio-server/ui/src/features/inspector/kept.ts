import { create } from 'zustand';

/** An event that was put aside, for others to be compared with. It lasts as long as the page. */
export const useKept = create<{ seq: number | null }>(() => ({ seq: null }));

export function keep(seq: number | null): void {
  useKept.setState({ seq });
}
