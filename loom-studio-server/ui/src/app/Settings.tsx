import { useState } from 'react';
import { useConnection } from '../data/connectionStore';
import { EMPTY_URL_STATE, encodeUrl } from '../data/urlState';
import { currentUrlState } from '../data/useUrlState';
import { useT } from '../shared/i18n/useT';
import { forgetPrefs, LANGUAGES, setPrefs, THEMES, usePrefs, type Language, type Theme } from '../shared/prefs';
import { Button, IconButton } from '../shared/ui/Button';
import controls from '../shared/ui/controls.module.css';
import { Dialog } from '../shared/ui/Dialog';
import css from './settings.module.css';

const NAMES: Record<Language, string> = { en: 'English', zh: '中文' };

/** What the browser keeps, the workspace, and what the server is. */
export function Settings({ onClose }: { onClose: () => void }) {
  const t = useT();
  const { theme, language } = usePrefs();
  const server = useConnection((status) => status.server);
  const epoch = useConnection((status) => status.epoch);
  const first = useConnection((status) => status.serverFirstSeq);
  const head = useConnection((status) => status.headSeq);
  const { workspace } = currentUrlState();
  const [name, setName] = useState(workspace ?? '');
  return (
    <Dialog label={t('settings.title')} onClose={onClose}>
      <div className={css['settings']}>
        <h2>
          {t('settings.title')}
          <IconButton icon="close" look="quiet" label={t('close')} onClick={onClose} />
        </h2>
        <label>
          <span>{t('header.theme')}</span>
          <select
            className={controls['select']}
            value={theme}
            onChange={(event) => {
              setPrefs({ theme: event.target.value as Theme });
            }}
          >
            {THEMES.map((option) => (
              <option key={option} value={option}>
                {t(`theme.${option}`)}
              </option>
            ))}
          </select>
        </label>
        <label>
          <span>{t('header.language')}</span>
          <select
            className={controls['select']}
            value={language}
            onChange={(event) => {
              setPrefs({ language: event.target.value as Language });
            }}
          >
            {LANGUAGES.map((option) => (
              <option key={option} value={option} lang={option}>
                {NAMES[option]}
              </option>
            ))}
          </select>
        </label>
        <form
          onSubmit={(event) => {
            event.preventDefault();
            const wanted = name.trim();
            // Another workspace is another log: the page starts over with it.
            window.location.assign(encodeUrl({ ...EMPTY_URL_STATE, view: currentUrlState().view, workspace: wanted === '' ? null : wanted }));
          }}
        >
          <label>
            <span>{t('settings.workspace')}</span>
            <input
              type="text"
              value={name}
              placeholder="default"
              spellCheck={false}
              onChange={(event) => {
                setName(event.target.value);
              }}
            />
          </label>
          <Button type="submit">{t('settings.open')}</Button>
        </form>
        <dl>
          <div>
            <dt>{t('settings.server')}</dt>
            <dd>{server ?? '—'}</dd>
          </div>
          <div>
            <dt>{t('settings.store')}</dt>
            <dd>{epoch === null ? '—' : t('settings.range', { epoch, first: String(first), head: String(head) })}</dd>
          </div>
        </dl>
        <Button
          onClick={() => {
            forgetPrefs();
            window.location.reload();
          }}
        >
          {t('settings.forget')}
        </Button>
        <p className={css['muted']}>{t('settings.forgetHint')}</p>
      </div>
    </Dialog>
  );
}
