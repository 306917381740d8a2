import { useConnection } from '../data/connectionStore';
import type { ViewName } from '../data/urlState';
import { useT } from '../shared/i18n/useT';
import { CopyButton } from '../shared/ui/CopyButton';
import css from './emptyState.module.css';
import { SampleOffer } from './Sample';

export const RUN_COMMAND = 'LOOM_STUDIO_ENABLED=true python your_app.py';

function runCommandWithAddress({ protocol, host }: Pick<Location, 'protocol' | 'host'>): string {
  return `LOOM_STUDIO_URL=${protocol === 'https:' ? 'wss' : 'ws'}://${host} ${RUN_COMMAND}`;
}

export function EmptyState({ view }: { view: ViewName }) {
  const t = useT();
  const isConnected = useConnection(({ epoch, phase }) => epoch !== null && (phase === 'live' || phase === 'lagging'));
  return (
    <section className={css['empty']} aria-labelledby="empty-title">
      <h1 className="visually-hidden">{t(`view.${view}`)}</h1>
      <h2 id="empty-title">{isConnected ? t('empty.title') : t('empty.connecting')}</h2>
      {isConnected ? (
        <>
          <p>{t('empty.text')}</p>
          <Command text={RUN_COMMAND} />
          <p>{t('empty.address')}</p>
          <Command text={runCommandWithAddress(window.location)} />
          <SampleOffer />
        </>
      ) : (
        <p>{t('empty.connectingText')}</p>
      )}
    </section>
  );
}

function Command({ text }: { text: string }) {
  return (
    <div className={css['command']}>
      <code>{text}</code>
      <CopyButton text={text} look="quiet" />
    </div>
  );
}
