import { useId, useState, type KeyboardEvent, type RefObject } from 'react';
import type { FacetsMessage } from '../../data/messages';
import type { MessageKey } from '../../shared/i18n/en';
import { useT } from '../../shared/i18n/useT';
import { usePrefs } from '../../shared/prefs';
import { IconButton } from '../../shared/ui/Button';
import { Icon } from '../../shared/ui/Icon';
import { accept, isWorthSaying, mergeCandidates, type Candidate, type ConditionProblem } from './completion';
import css from './filter.module.css';
import { useCompletion } from './useCompletion';

interface FilterBoxProps {
  inputRef: RefObject<HTMLInputElement | null>;
  value: string;
  facets: FacetsMessage | null;
  onChange: (text: string) => void;
  /** The values held are about to be offered. */
  onFocus: () => void;
  /** Enter and Escape give the focus to the rows. */
  onLeave: () => void;
}

const FIELDS = new Set(['type', 'node', 'from', 'to', 'source', 'subject', 'text', 'outcome', 'error', 'duration', 'time', 'received', 'session', 'trace', 'span', 'causation', 'request', 'phase', 'id', 'seq', 'workspace', 'data', 'ext']);

/** The condition as a combobox: what can stand at the cursor is offered, what is wrong is marked. */
export function FilterBox({ inputRef, value, facets, onChange, onFocus, onLeave }: FilterBoxProps) {
  const t = useT();
  const id = useId();
  const [cursor, setCursor] = useState(value.length);
  const [isOpen, setOpen] = useState(false);
  const [active, setActive] = useState(-1);
  const [hasFocus, setFocus] = useState(false);
  const answer = useCompletion(value, cursor);
  const isCurrent = answer?.text === value;
  const candidates = isCurrent ? mergeCandidates(value, cursor, answer.completion.candidates, facets) : [];
  const isShown = isOpen && hasFocus && candidates.length > 0;
  const chosen = isShown ? Math.min(active, candidates.length - 1) : -1;
  const error = isCurrent ? answer.completion.error : null;
  const isWrong = isWorthSaying(value, error, hasFocus);

  const take = (candidate: Candidate): void => {
    const next = accept(value, candidate);
    onChange(next.text);
    setCursor(next.cursor);
    setActive(-1);
    setOpen(true);
    // The address holds the text: the cursor can be set once it has come back.
    requestAnimationFrame(() => {
      inputRef.current?.focus();
      inputRef.current?.setSelectionRange(next.cursor, next.cursor);
    });
  };

  const onKeyDown = (event: KeyboardEvent): void => {
    if (event.nativeEvent.isComposing) return;
    const move = event.key === 'ArrowDown' ? 1 : event.key === 'ArrowUp' ? -1 : 0;
    const hasTyped = candidates[0] !== undefined && candidates[0].from < cursor;
    const target = candidates[chosen] ?? (event.key === 'Tab' && hasTyped ? candidates[0] : undefined);
    if (move !== 0) {
      setOpen(true);
      if (candidates.length > 0) setActive((chosen + move + (chosen < 0 && move < 0 ? 1 : 0) + candidates.length) % candidates.length);
    } else if (isShown && target !== undefined && !event.shiftKey && (event.key === 'Tab' || event.key === 'Enter')) {
      take(target);
    } else if (event.key === 'Escape' && isShown) {
      setOpen(false);
    } else if (event.key === 'Enter' || event.key === 'Escape') {
      onLeave();
    } else {
      return;
    }
    event.preventDefault();
    event.stopPropagation();
  };

  return (
    <>
      <div className={css['box']}>
        <div className={css['field']} data-invalid={isWrong}>
          <Icon name="search" />
          <input
            ref={inputRef}
            type="text"
            role="combobox"
            value={value}
            placeholder={t('log.filterPlaceholder')}
            aria-label={t('log.filter')}
            aria-autocomplete="list"
            aria-expanded={isShown}
            aria-controls={`${id}-list`}
            aria-activedescendant={chosen >= 0 ? `${id}-${String(chosen)}` : undefined}
            aria-invalid={isWrong}
            aria-describedby={isWrong ? `${id}-error` : undefined}
            spellCheck={false}
            autoComplete="off"
            autoCapitalize="off"
            onChange={(event) => {
              setCursor(event.target.selectionStart ?? event.target.value.length);
              setActive(-1);
              setOpen(true);
              onChange(event.target.value);
            }}
            onSelect={(event) => {
              setCursor(event.currentTarget.selectionStart ?? 0);
            }}
            onFocus={() => {
              setFocus(true);
              onFocus();
            }}
            onBlur={() => {
              setFocus(false);
              setOpen(false);
            }}
            onKeyDown={onKeyDown}
          />
          {value !== '' && (
            <IconButton
              icon="close"
              look="quiet"
              label={t('log.filterClear')}
              onClick={() => {
                onChange('');
                inputRef.current?.focus();
              }}
            />
          )}
        </div>
        <div id={`${id}-list`} role="listbox" aria-label={t('log.suggestions')} className={css['list']} hidden={!isShown}>
          {isShown &&
            candidates.map((candidate, index) => (
              // The input has the focus and handles the keys.
              // eslint-disable-next-line jsx-a11y/click-events-have-key-events
              <div
                key={candidate.text}
                ref={(element) => {
                  if (index === chosen) element?.scrollIntoView({ block: 'nearest' });
                }}
                id={`${id}-${String(index)}`}
                role="option"
                aria-selected={index === chosen}
                tabIndex={-1}
                onMouseDown={(event) => {
                  // The focus stays in the input.
                  event.preventDefault();
                }}
                onClick={() => {
                  take(candidate);
                }}
              >
                <code>{candidate.text}</code>
                <CandidateNote candidate={candidate} />
              </div>
            ))}
        </div>
      </div>
      {isWrong && <ErrorMark id={`${id}-error`} text={value} error={error} />}
    </>
  );
}

function CandidateNote({ candidate: { text, kind, held } }: { candidate: Candidate }) {
  const t = useT();
  const name = text.replace(/\.$/, '');
  if (held !== undefined) return <small>{t('log.kind.seen', { n: held })}</small>;
  return <small>{kind === 'field' && FIELDS.has(name) ? t(`log.field.${name}` as MessageKey) : t(`log.kind.${kind}`)}</small>;
}

/** The text with what is wrong marked, and what is wrong. */
function ErrorMark({ id, text, error: { position, end, message, expected } }: { id: string; text: string; error: ConditionProblem }) {
  const t = useT();
  // The server says what is wrong in English.
  const isEnglish = usePrefs(({ language }) => language === 'en');
  const isAtEnd = position >= text.length;
  return (
    <div id={id} role="alert" className={css['error']}>
      <code>
        {text.slice(0, position)}
        <mark>{isAtEnd ? '\u00a0' : text.slice(position, Math.max(end, position + 1))}</mark>
        {text.slice(Math.max(end, position + 1))}
      </code>
      <p>
        {t('log.error.at', { n: position + 1 })} {isEnglish && message}
        {expected.length > 0 && !(isEnglish && expected.every((word) => message.includes(word))) && ` ${isEnglish ? '· ' : ''}${t('log.error.expected', { words: expected.slice(0, 12).join(', ') })}`}
      </p>
    </div>
  );
}
