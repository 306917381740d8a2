import type { ComponentProps, ReactNode } from 'react';
import css from './controls.module.css';
import { Icon, type IconName } from './Icon';

interface ButtonProps extends ComponentProps<'button'> {
  icon?: IconName;
  look?: 'plain' | 'quiet' | 'primary' | 'link';
  children?: ReactNode;
}

export function Button({ icon, look = 'plain', className = '', children, ...rest }: ButtonProps) {
  const looks = look === 'plain' ? '' : (css[look] ?? '');
  const base = look === 'link' ? '' : (css['button'] ?? '');
  return (
    <button type="button" className={`${base} ${looks} ${className}`.trim()} {...rest}>
      {icon !== undefined && <Icon name={icon} />}
      {children}
    </button>
  );
}

/** A button that is only an icon: the label is what screen readers say and what the pointer shows. */
export function IconButton({ label, className = '', ...rest }: Omit<ButtonProps, 'children'> & { label: string; icon: IconName }) {
  return <Button className={`${css['icon'] ?? ''} ${className}`.trim()} aria-label={label} title={label} {...rest} />;
}
