import { Button } from './Button';

/** The number of an event, which leads to it. */
export function SeqLink({ seq, children, onOpen }: { seq: number; children?: string; onOpen: (seq: number) => void }) {
  return (
    <Button
      look="link"
      onClick={() => {
        onOpen(seq);
      }}
    >
      {children ?? `#${String(seq)}`}
    </Button>
  );
}
