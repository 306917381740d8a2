import { useState } from 'react';
import { ApiError, fetchFirst } from '../../data/api';
import { addBreakpoint, enableBreakpoint, removeBreakpoint, useBreakpoints } from '../../data/breakpoints';
import { useT } from '../../shared/i18n/useT';
import { Button, IconButton } from '../../shared/ui/Button';
import css from './replay.module.css';

interface BreakpointsProps {
  /** Goes to where a condition first became true. */
  onFirst: (condition: string) => void;
}

/** The list of breakpoints, and the box that adds one. */
export function Breakpoints({ onFirst }: BreakpointsProps) {
  const t = useT();
  const list = useBreakpoints((state) => state.list);
  const [text, setText] = useState('');
  const [problem, setProblem] = useState<{ detail: string; position: number | null } | null>(null);

  const add = async (): Promise<void> => {
    const condition = text.trim();
    if (condition === '') return;
    try {
      // The server knows the language; an empty range makes it check the condition alone.
      await fetchFirst({ where: condition, direction: 'forward', from_seq: 1, to_seq: 1 });
      addBreakpoint(condition);
      setText('');
      setProblem(null);
    } catch (error) {
      setProblem({ detail: error instanceof Error ? error.message : String(error), position: error instanceof ApiError ? error.position : null });
    }
  };

  return (
    <div className={css['breakpoints']}>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          void add();
        }}
      >
        <input
          type="text"
          value={text}
          aria-label={t('replay.addBreakpoint')}
          aria-invalid={problem !== null}
          aria-describedby={problem === null ? undefined : 'breakpoint-problem'}
          placeholder={t('replay.conditionPlaceholder')}
          spellCheck={false}
          autoComplete="off"
          onChange={(event) => {
            setText(event.target.value);
            setProblem(null);
          }}
        />
        <Button type="submit" look="primary">
          {t('replay.add')}
        </Button>
      </form>
      {problem !== null && (
        <p id="breakpoint-problem" role="alert" className={css['problem']}>
          {problem.position !== null && (
            <code>
              {text.slice(0, problem.position)}
              <mark>{text.slice(problem.position, problem.position + 1) || ' '}</mark>
              {text.slice(problem.position + 1)}
            </code>
          )}
          {problem.detail}
        </p>
      )}
      {list.length === 0 ? (
        <p className={css['muted']}>{t('replay.none')}</p>
      ) : (
        <ul>
          {list.map(({ condition, enabled }) => (
            <li key={condition}>
              <label>
                <input
                  type="checkbox"
                  checked={enabled}
                  aria-label={t('replay.enabled', { condition })}
                  onChange={(event) => {
                    enableBreakpoint(condition, event.target.checked);
                  }}
                />
                <code>{condition}</code>
              </label>
              <Button
                look="quiet"
                title={t('replay.firstHint')}
                onClick={() => {
                  onFirst(condition);
                }}
              >
                {t('replay.first')}
              </Button>
              <IconButton
                icon="close"
                look="quiet"
                label={t('replay.remove', { condition })}
                onClick={() => {
                  removeBreakpoint(condition);
                }}
              />
            </li>
          ))}
        </ul>
      )}
    </div>
  );
}
