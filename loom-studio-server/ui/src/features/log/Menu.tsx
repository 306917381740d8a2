import { useRef, type ReactNode } from 'react';
import { Icon, type IconName } from '../../shared/ui/Icon';
import controls from '../../shared/ui/controls.module.css';
import css from './menu.module.css';

/** A button that unfolds a few controls. It folds when the focus leaves it, and with Escape. */
export function Menu({ label, icon, children }: { label: string; icon?: IconName; children: ReactNode }) {
  const details = useRef<HTMLDetailsElement>(null);
  const fold = (): void => {
    if (details.current !== null) details.current.open = false;
  };
  return (
    // It only listens to what its controls leave alone.
    // eslint-disable-next-line jsx-a11y/no-noninteractive-element-interactions
    <details
      ref={details}
      className={css['menu']}
      onBlur={(event) => {
        if (!event.currentTarget.contains(event.relatedTarget)) fold();
      }}
      onKeyDown={(event) => {
        if (event.key !== 'Escape' || details.current?.open !== true) return;
        event.preventDefault();
        event.stopPropagation();
        fold();
        details.current.querySelector('summary')?.focus();
      }}
    >
      <summary className={`${controls['button'] ?? ''} ${css['summary'] ?? ''}`} title={label}>
        {icon === undefined ? label : <Icon name={icon} />}
        {icon !== undefined && <span className="visually-hidden">{label}</span>}
        <Icon name="chevron" size={10} />
      </summary>
      {/* A click between the controls must not take the focus out of the menu. */}
      <div className={css['items']} tabIndex={-1}>
        {children}
      </div>
    </details>
  );
}
