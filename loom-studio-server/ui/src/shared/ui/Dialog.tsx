import { useEffect, useRef, type ReactNode } from 'react';
import css from './dialog.module.css';

/**
 * A modal dialog. The native element keeps the focus inside, closes on Escape, gives the focus back, and needs no style
 * sheet at run time, which the content security policy would refuse.
 */
export function Dialog({ label, className = '', onClose, children }: { label: string; className?: string; onClose: () => void; children: ReactNode }) {
  const ref = useRef<HTMLDialogElement>(null);
  useEffect(() => {
    const dialog = ref.current;
    if (dialog !== null && !dialog.open) dialog.showModal();
    const onPointer = (event: MouseEvent): void => {
      // Only a press on the backdrop has the dialog itself as its target.
      if (event.target === dialog) dialog?.close();
    };
    dialog?.addEventListener('mousedown', onPointer);
    return () => {
      dialog?.removeEventListener('mousedown', onPointer);
    };
  }, []);
  return (
    <dialog ref={ref} aria-label={label} className={`${css['dialog'] ?? ''} ${className}`.trim()} onClose={onClose}>
      <div className={css['body']}>{children}</div>
    </dialog>
  );
}
