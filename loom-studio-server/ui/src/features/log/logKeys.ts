export type LogAction =
  | { do: 'move'; delta: number }
  | { do: 'open' | 'close' | 'filter' | 'pause' | 'follow' | 'pin' };

export interface KeyPress {
  key: string;
  shiftKey: boolean;
  ctrlKey: boolean;
  metaKey: boolean;
  altKey: boolean;
}

export interface KeyPlace {
  /** The focus is where text is typed. */
  typing: boolean;
  /** The focus is on a control, tree or separator that has its own use for arrows, Enter and Space. */
  control: boolean;
  /** Rows that a page holds. */
  pageRows: number;
}

/** What a key does in the log; null leaves it to the browser. */
export function logKey(press: KeyPress, place: KeyPlace): LogAction | null {
  if (press.ctrlKey || press.metaKey || press.altKey) return null;
  if (press.key === 'Escape' && !place.typing) return { do: 'close' };
  if (place.typing) return null;
  switch (press.key.toLowerCase()) {
    case 'j':
      return { do: 'move', delta: 1 };
    case 'k':
      return { do: 'move', delta: -1 };
    case '/':
      return { do: 'filter' };
    case 'f':
      return { do: 'follow' };
    case 'm':
      return { do: 'pin' };
  }
  if (place.control) return null;
  switch (press.key) {
    case 'ArrowDown':
      return { do: 'move', delta: 1 };
    case 'ArrowUp':
      return { do: 'move', delta: -1 };
    case 'PageDown':
      return { do: 'move', delta: place.pageRows };
    case 'PageUp':
      return { do: 'move', delta: -place.pageRows };
    case 'Home':
      return { do: 'move', delta: Number.NEGATIVE_INFINITY };
    case 'End':
      return { do: 'move', delta: Number.POSITIVE_INFINITY };
    case 'Enter':
      return { do: 'open' };
    case ' ':
      return { do: 'pause' };
    default:
      return null;
  }
}
