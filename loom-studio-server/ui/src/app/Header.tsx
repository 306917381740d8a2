import { useConnection } from '../data/connectionStore';
import { formatNumber } from '../shared/i18n/format';
import { useT } from '../shared/i18n/useT';
import { isMac } from '../shared/lib/keys';
import { setPrefs, THEMES, usePrefs, type Theme } from '../shared/prefs';
import { Button, IconButton } from '../shared/ui/Button';
import type { IconName } from '../shared/ui/Icon';
import type { Overlay } from './App';
import { ConnectionState } from './ConnectionState';
import css from './header.module.css';
import { SessionPicker } from './SessionPicker';

const THEME_ICONS: Record<Theme, IconName> = { system: 'system', light: 'sun', dark: 'moon' };

export function Header({ onOverlay }: { onOverlay: (overlay: Overlay) => void }) {
  const t = useT();
  const { theme, language } = usePrefs();
  return (
    <header className={css['header']}>
      <div className={css['brand']}>
        <svg width="20" height="20" viewBox="0 0 32 32" aria-hidden="true">
          <rect width="32" height="32" rx="7" className={css['mark']} />
          <g fill="none" stroke="#fff" strokeWidth="2.8" strokeLinecap="round">
            <path d="M9 8v11a4 4 0 0 0 4 4h10" />
            <path d="M16 8v7a3 3 0 0 0 3 3h4" strokeOpacity=".75" />
          </g>
        </svg>
        <span>{t('app.name')}</span>
      </div>
      <ConnectionState />
      <Counters language={language} />
      <SessionPicker />
      <div className={css['spacer']} />
      <Button
        icon="search"
        className={css['search'] ?? ''}
        onClick={() => {
          onOverlay('palette');
        }}
      >
        <span>{t('header.commands')}</span>
        <kbd>{isMac() ? '⌘K' : 'Ctrl K'}</kbd>
      </Button>
      <div role="group" aria-label={t('header.theme')} className={css['themes']}>
        {THEMES.map((name) => (
          <IconButton
            key={name}
            icon={THEME_ICONS[name]}
            look="quiet"
            label={`${t('header.theme')}: ${t(`theme.${name}`)}`}
            aria-pressed={theme === name}
            onClick={() => {
              setPrefs({ theme: name });
            }}
          />
        ))}
      </div>
      <div role="group" aria-label={t('header.language')} className={css['themes']}>
        <Button
          look="quiet"
          lang="en"
          aria-pressed={language === 'en'}
          onClick={() => {
            setPrefs({ language: 'en' });
          }}
        >
          English
        </Button>
        <Button
          look="quiet"
          lang="zh-CN"
          aria-pressed={language === 'zh'}
          onClick={() => {
            setPrefs({ language: 'zh' });
          }}
        >
          中文
        </Button>
      </div>
      <IconButton
        icon="settings"
        look="quiet"
        label={t('header.settings')}
        onClick={() => {
          onOverlay('settings');
        }}
      />
      <IconButton
        icon="help"
        look="quiet"
        label={t('header.shortcuts')}
        onClick={() => {
          onOverlay('shortcuts');
        }}
      />
    </header>
  );
}

function Counters({ language }: { language: string }) {
  const t = useT();
  const held = useConnection((status) => status.held);
  const rate = useConnection((status) => status.rate);
  const headSeq = useConnection((status) => status.headSeq);
  return (
    <div className={css['counters']}>
      <span title={t('header.eventsHint', { seq: String(headSeq) })} data-testid="event-count">
        {t('header.events', { n: held })}
      </span>
      <span title={t('header.rateHint')} className={css['rate']}>
        {t('header.rate', { n: formatNumber(rate, language) })}
      </span>
    </div>
  );
}
