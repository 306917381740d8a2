import { useState, type ReactNode } from 'react';
import { useT } from '../i18n/useT';
import { chatOf, type ChatMessage } from './chat';
import { valueText } from './jsonRows';
import { JsonTree } from './JsonTree';
import { Markdown } from './Markdown';
import css from './readable.module.css';

export const LOOKS = ['readable', 'tree', 'raw'] as const;
export type Look = (typeof LOOKS)[number];

interface LookSwitchProps {
  label: string;
  look: Look;
  looks?: readonly Look[];
  onLook: (look: Look) => void;
}

/** Chooses how a value is shown. */
export function LookSwitch({ label, look, looks = LOOKS, onLook }: LookSwitchProps) {
  const t = useT();
  return (
    <div role="group" aria-label={t('readable.as', { label })} className={css['switch']}>
      {looks.map((name) => (
        <button
          key={name}
          type="button"
          aria-pressed={name === look}
          onClick={() => {
            onLook(name);
          }}
        >
          {t(`readable.${name}`)}
        </button>
      ))}
    </div>
  );
}

/** More messages than this begin folded: the newest are what one looks for. */
const MESSAGES_AT_ONCE = 20;

function Chat({ messages }: { messages: ChatMessage[] }) {
  const t = useT();
  const [all, setAll] = useState(false);
  const hidden = all ? 0 : Math.max(0, messages.length - MESSAGES_AT_ONCE);
  return (
    <ol className={css['chat']}>
      {hidden > 0 && (
        <li>
          <button
            type="button"
            className={css['earlier']}
            onClick={() => {
              setAll(true);
            }}
          >
            {t('readable.earlier', { n: hidden })}
          </button>
        </li>
      )}
      {messages.slice(hidden).map(({ role, name, parts }, index) => (
        <li key={index} data-role={role}>
          <span className={css['role']}>{name === null ? role : `${role} · ${name}`}</span>
          {parts.map((part, at) =>
            part.kind === 'text' ? (
              <Markdown key={at} text={part.text} />
            ) : (
              <JsonTree key={at} value={wrapped(part.value)} label={part.name === '' ? role : part.name} openDepth={1} />
            ),
          )}
        </li>
      ))}
    </ol>
  );
}

/** A tree has rows for what is inside of a value; a scalar is put into one. */
function wrapped(value: unknown): unknown {
  return typeof value === 'object' && value !== null ? value : { value };
}

/** A value as a person reads it: text as Markdown, conversations as messages, everything else as a tree. */
export function readable(value: unknown, label: string): ReactNode {
  if (typeof value === 'string') return <Markdown text={value} />;
  const chat = chatOf(value);
  return chat === null ? <JsonTree value={wrapped(value)} label={label} openDepth={2} /> : <Chat messages={chat} />;
}

/** A value with a choice of how it is shown. Where reading it is no different from its tree, there is nothing to choose but its text. */
export function Readable({ value, label }: { value: unknown; label: string }) {
  const [look, setLook] = useState<Look>('readable');
  return (
    <div className={css['readable']}>
      <LookSwitch label={label} look={look} looks={typeof value === 'string' ? ['readable', 'raw'] : LOOKS} onLook={setLook} />
      {look === 'readable' && readable(value, label)}
      {look === 'tree' && <JsonTree value={wrapped(value)} label={label} isSearchable />}
      {look === 'raw' && <Raw value={value} />}
    </div>
  );
}

/** The text of a value, as it would be copied. */
export function Raw({ value }: { value: unknown }) {
  return (
    // A box that scrolls can be reached by keyboard.
    // eslint-disable-next-line jsx-a11y/no-noninteractive-tabindex
    <pre className={css['raw']} tabIndex={0}>
      {valueText(value)}
    </pre>
  );
}
