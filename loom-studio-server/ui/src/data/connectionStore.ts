import { create } from 'zustand';
import type { StatusMessage } from './messages';

export const INITIAL_STATUS: StatusMessage = {
  type: 'status',
  phase: 'connecting',
  retryAt: null,
  server: null,
  epoch: null,
  headSeq: 0,
  serverFirstSeq: 0,
  heldFirstSeq: 0,
  held: 0,
  rate: 0,
  skipped: 0,
  error: null,
};

/** What the data worker last said about its connection; at most four updates a second. */
export const useConnection = create<StatusMessage>(() => INITIAL_STATUS);
