import { useEffect, useState } from 'react';
import { dataClient } from '../data/client';
import { useConnection } from '../data/connectionStore';
import { useT } from '../shared/i18n/useT';
import { Button } from '../shared/ui/Button';
import css from './header.module.css';

/** Whole seconds until `at`, counted down. */
function useSecondsUntil(at: number | null): number {
  const [now, setNow] = useState(() => Date.now());
  useEffect(() => {
    if (at === null) return undefined;
    setNow(Date.now());
    const timer = setInterval(() => {
      setNow(Date.now());
    }, 500);
    return () => {
      clearInterval(timer);
    };
  }, [at]);
  return at === null ? 0 : Math.max(0, Math.ceil((at - now) / 1000));
}

export function ConnectionState() {
  const t = useT();
  const phase = useConnection((status) => status.phase);
  const retryAt = useConnection((status) => status.retryAt);
  const skipped = useConnection((status) => status.skipped);
  const server = useConnection((status) => status.server);
  const seconds = useSecondsUntil(retryAt);
  const isWaiting = phase === 'reconnecting' || phase === 'offline';
  const text =
    isWaiting && seconds === 0 ? t(`phase.${phase}Now`) : t(`phase.${phase}`, { n: phase === 'lagging' ? skipped : seconds });
  return (
    <div className={css['connection']} role="group" aria-label={t('phase.label')}>
      <span className={css['phase']} data-phase={phase} data-testid="phase" title={server ?? undefined}>
        <span className={css['dot']} aria-hidden="true" />
        {text}
      </span>
      {isWaiting && (
        <Button
          look="link"
          onClick={() => {
            dataClient().retry();
          }}
        >
          {t('phase.retry')}
        </Button>
      )}
    </div>
  );
}
