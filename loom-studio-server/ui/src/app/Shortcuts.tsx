import { VIEWS } from '../data/urlState';
import type { MessageKey } from '../shared/i18n/en';
import { useT } from '../shared/i18n/useT';
import { isMac } from '../shared/lib/keys';
import { IconButton } from '../shared/ui/Button';
import { Dialog } from '../shared/ui/Dialog';
import css from './palette.module.css';
import { VIEW_KEYS } from './views';

const GROUPS: { title: MessageKey; rows: [MessageKey, string][] }[] = [
  {
    title: 'shortcuts.general',
    rows: [
      ['shortcut.palette', 'Mod K'],
      ['shortcut.pause', 'P'],
      ['shortcut.stepEvent', '[ ]'],
      ['shortcut.close', 'Esc'],
      ['shortcut.help', '?'],
    ],
  },
  {
    title: 'shortcuts.log',
    rows: [
      ['shortcut.move', 'J K ↓ ↑'],
      ['shortcut.page', 'PgDn PgUp'],
      ['shortcut.ends', 'Home End'],
      ['shortcut.open', 'Enter'],
      ['shortcut.filter', '/'],
      ['shortcut.follow', 'F'],
      ['shortcut.pin', 'M'],
    ],
  },
  {
    title: 'shortcuts.topology',
    rows: [
      ['shortcut.table', 'T'],
      ['shortcut.fit', '0'],
      ['shortcut.zoom', '+ −'],
    ],
  },
  {
    title: 'shortcuts.tree',
    rows: [
      ['shortcut.treeMove', '↑ ↓ ← →'],
      ['shortcut.treeCopy', 'C'],
    ],
  },
];

export function Shortcuts({ onClose }: { onClose: () => void }) {
  const t = useT();
  return (
    <Dialog label={t('shortcuts.title')} onClose={onClose}>
      <div className={css['sheet']}>
        <h2 className={css['sheetTitle']}>
          {t('shortcuts.title')}
          <IconButton icon="close" look="quiet" label={t('close')} onClick={onClose} />
        </h2>
        <div className={css['groups']}>
          <section>
            <h3>{t('nav.label')}</h3>
            <dl>
              {VIEWS.map((name) => (
                <div key={name}>
                  <dt>{t('command.go', { view: t(`view.${name}`) })}</dt>
                  <dd>
                    <kbd>G</kbd>
                    <kbd>{VIEW_KEYS[name].toUpperCase()}</kbd>
                  </dd>
                </div>
              ))}
            </dl>
          </section>
          {GROUPS.map(({ title, rows }) => (
            <section key={title}>
              <h3>{t(title)}</h3>
              <dl>
                {rows.map(([label, keys]) => (
                  <div key={label}>
                    <dt>{t(label)}</dt>
                    <dd>
                      {keys.split(' ').map((key) => (
                        <kbd key={key}>{key === 'Mod' ? (isMac() ? '⌘' : 'Ctrl') : key}</kbd>
                      ))}
                    </dd>
                  </div>
                ))}
              </dl>
            </section>
          ))}
        </div>
      </div>
    </Dialog>
  );
}
