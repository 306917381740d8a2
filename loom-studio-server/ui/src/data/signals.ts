import { External } from './external';

/** Things a command asks of a view that may not be on screen yet. The view takes the signal and sets it back. */
export const wantsFilterFocus = new External(false);
