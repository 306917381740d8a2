import { useId, useMemo, useState } from 'react';
import { useT } from '../shared/i18n/useT';
import { Dialog } from '../shared/ui/Dialog';
import type { Overlay } from './App';
import { commands, type Command } from './commands';
import { matchesWords } from './match';
import css from './palette.module.css';

/** A combobox over every command; the arrow keys move, Enter runs. */
export function Palette({ onClose, onOverlay }: { onClose: () => void; onOverlay: (overlay: Overlay) => void }) {
  const t = useT();
  const id = useId();
  const [query, setQuery] = useState('');
  const [at, setAt] = useState(0);
  const all = useMemo(() => commands(onOverlay), [onOverlay]);
  const labelOf = ({ label, view }: Command): string => (view === undefined ? t(label) : t(label, { view: t(view) }));
  const found = all.filter((command) => matchesWords(labelOf(command), query));
  const current = found[Math.min(at, found.length - 1)];
  const run = (command: Command): void => {
    onClose();
    // The dialog gives the focus back when it closes; what the command focuses comes after.
    setTimeout(command.run, 0);
  };
  return (
    <Dialog label={t('palette.label')} onClose={onClose}>
      <input
        className={css['input']}
        role="combobox"
        aria-label={t('palette.label')}
        aria-expanded="true"
        aria-controls={`${id}-list`}
        aria-activedescendant={current === undefined ? undefined : `${id}-${current.id}`}
        placeholder={t('palette.placeholder')}
        spellCheck={false}
        autoComplete="off"
        // The palette is opened in order to type.
        // eslint-disable-next-line jsx-a11y/no-autofocus
        autoFocus
        value={query}
        onChange={(event) => {
          setQuery(event.target.value);
          setAt(0);
        }}
        onKeyDown={(event) => {
          if (event.key === 'ArrowDown') setAt((at + 1) % Math.max(1, found.length));
          else if (event.key === 'ArrowUp') setAt((at - 1 + found.length) % Math.max(1, found.length));
          else if (event.key === 'Enter' && current !== undefined && !event.nativeEvent.isComposing) run(current);
          else return;
          event.preventDefault();
        }}
      />
      <div id={`${id}-list`} role="listbox" aria-label={t('palette.label')} className={css['list']}>
        {found.map((command) => (
          // The input keeps the focus and handles the keys.
          // eslint-disable-next-line jsx-a11y/click-events-have-key-events, jsx-a11y/interactive-supports-focus
          <div
            key={command.id}
            id={`${id}-${command.id}`}
            role="option"
            aria-selected={command === current}
            className={css['option']}
            onMouseMove={() => {
              setAt(found.indexOf(command));
            }}
            onClick={() => {
              run(command);
            }}
          >
            <span>{labelOf(command)}</span>
            {command.keys?.split(' ').map((key) => <kbd key={key}>{key}</kbd>)}
          </div>
        ))}
      </div>
      {found.length === 0 && (
        <p role="status" className={css['none']}>
          {t('palette.none')}
        </p>
      )}
    </Dialog>
  );
}
