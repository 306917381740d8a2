import { useEffect, useRef, useState, useSyncExternalStore } from 'react';
import { dataClient } from '../data/client';
import { useConnection } from '../data/connectionStore';
import { useT } from '../shared/i18n/useT';
import { IconButton } from '../shared/ui/Button';
import css from './app.module.css';

/** What happened to the connection that changes how the page is to be read. */
export function Notices() {
  const t = useT();
  const client = dataClient();
  const startedOver = useSyncExternalStore(client.startedOver.subscribe, client.startedOver.get);
  const [seen, setSeen] = useState(0);
  const error = useConnection((status) => status.error);
  const [dismissed, setDismissed] = useState<object | null>(null);
  return (
    <>
      {startedOver > seen && (
        <Notice
          text={t('notice.startedOver')}
          onDismiss={() => {
            setSeen(startedOver);
          }}
        />
      )}
      {error !== null && error !== dismissed && (
        <Notice
          text={t('notice.serverError', { detail: error.detail })}
          onDismiss={() => {
            setDismissed(error);
          }}
        />
      )}
      <Announcer />
    </>
  );
}

function Notice({ text, onDismiss }: { text: string; onDismiss: () => void }) {
  const t = useT();
  return (
    <div role="status" className={css['notice']}>
      <span>{text}</span>
      <IconButton icon="close" look="quiet" label={t('notice.dismiss')} onClick={onDismiss} />
    </div>
  );
}

const ANNOUNCE_EVERY_MS = 2000;

/** Tells screen readers of a changed connection, at most every two seconds. */
function Announcer() {
  const t = useT();
  const phase = useConnection((status) => status.phase);
  const [text, setText] = useState('');
  const last = useRef({ phase, at: 0 });
  useEffect(() => {
    if (phase === last.current.phase) return undefined;
    const wait = Math.max(0, last.current.at + ANNOUNCE_EVERY_MS - Date.now());
    const timer = setTimeout(() => {
      last.current = { phase, at: Date.now() };
      setText(t('announce.phase', { phase: t(`phase.${phase}`, { n: 0 }) }));
    }, wait);
    return () => {
      clearTimeout(timer);
    };
  }, [phase, t]);
  return (
    <div role="status" className="visually-hidden">
      {text}
    </div>
  );
}
