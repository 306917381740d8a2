import { useQueryClient } from '@tanstack/react-query';
import { useEffect, useRef, useState, useSyncExternalStore } from 'react';
import { dataClient } from '../data/client';
import { usePlayhead } from '../data/playhead';
import { useUrlState } from '../data/useUrlState';
import { ReplayBar } from '../features/replay/ReplayBar';
import { useT } from '../shared/i18n/useT';
import { usePrefs } from '../shared/prefs';
import css from './app.module.css';
import { EmptyState } from './EmptyState';
import { Header } from './Header';
import { useHotkeys } from './hotkeys';
import { Navigation } from './Navigation';
import { Notices } from './Notices';
import { Palette } from './Palette';
import { Settings } from './Settings';
import { SampleNotice } from './Sample';
import { Shortcuts } from './Shortcuts';
import { useHasEvents } from './useHasEvents';
import { Workbench } from './Workbench';

export type Overlay = 'palette' | 'shortcuts' | 'settings' | null;

export function App() {
  const t = useT();
  const { theme, language } = usePrefs();
  const { view } = useUrlState();
  const at = usePlayhead();
  const [overlay, setOverlay] = useState<Overlay>(null);
  const main = useRef<HTMLElement>(null);
  const hasEvents = useHasEvents();
  const queries = useQueryClient();
  const client = dataClient();
  const startedOver = useSyncExternalStore(client.startedOver.subscribe, client.startedOver.get);
  useHotkeys(setOverlay);

  useEffect(() => {
    const { dataset } = document.documentElement;
    if (theme === 'system') delete dataset['theme'];
    else dataset['theme'] = theme;
  }, [theme]);
  useEffect(() => {
    document.documentElement.lang = language === 'zh' ? 'zh-CN' : 'en';
    document.title = `${t(`view.${view}`)} · ${t('app.name')}`;
  }, [language, t, view]);
  useEffect(() => {
    client.setPaused(at);
  }, [client, at]);
  useEffect(() => {
    // Answers about another store's seqs would be silently wrong.
    queries.clear();
  }, [queries, startedOver]);

  return (
    <div className={css['app']}>
      <a
        className={css['skip']}
        href="#main"
        onClick={(event) => {
          // The address bar holds the page's state, which a fragment would only clutter.
          event.preventDefault();
          main.current?.focus();
        }}
      >
        {t('app.skip')}
      </a>
      <Header onOverlay={setOverlay} />
      <Navigation view={view} />
      <main id="main" ref={main} tabIndex={-1} className={css['main']}>
        <Notices />
        <SampleNotice />
        <div className={css['view']}>{hasEvents ? <Workbench /> : <EmptyState view={view} />}</div>
        {hasEvents && <ReplayBar />}
      </main>
      {overlay === 'palette' && (
        <Palette
          onClose={() => {
            setOverlay((now) => (now === 'palette' ? null : now));
          }}
          onOverlay={setOverlay}
        />
      )}
      {overlay === 'settings' && (
        <Settings
          onClose={() => {
            setOverlay(null);
          }}
        />
      )}
      {overlay === 'shortcuts' && (
        <Shortcuts
          onClose={() => {
            setOverlay(null);
          }}
        />
      )}
    </div>
  );
}
