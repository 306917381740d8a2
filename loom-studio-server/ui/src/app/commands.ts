import { facetOf, withFacet } from '../data/conditionEdit';
import { download } from '../data/download';
import { stepPlayhead, togglePause } from '../data/playhead';
import { wantsFilterFocus } from '../data/signals';
import { VIEWS } from '../data/urlState';
import { currentUrlState, setUrlState } from '../data/useUrlState';
import type { MessageKey } from '../shared/i18n/en';
import { copyText } from '../shared/lib/clipboard';
import { setPrefs, usePrefs } from '../shared/prefs';
import type { Overlay } from './App';
import { RUN_COMMAND } from './EmptyState';
import { VIEW_KEYS } from './views';

export interface Command {
  id: string;
  label: MessageKey;
  /** The view that the label names. */
  view?: MessageKey;
  keys?: string;
  run: () => void;
}

/** Everything the palette offers, as it applies now. */
export function commands(onOverlay: (overlay: Overlay) => void): Command[] {
  const url = currentUrlState();
  const toLog = (): void => {
    setUrlState({ view: 'log' }, 'push');
  };
  return [
    ...VIEWS.map(
      (name): Command => ({
        id: `go-${name}`,
        label: 'command.go',
        view: `view.${name}`,
        keys: `G ${VIEW_KEYS[name].toUpperCase()}`,
        run: () => { setUrlState({ view: name }, 'push'); },
      }),
    ),
    ...VIEWS.filter((name) => name !== url.view && name !== url.beside).map(
      (name): Command => ({
        id: `beside-${name}`,
        label: 'command.beside',
        view: `view.${name}`,
        run: () => { setUrlState({ beside: name }, 'push'); },
      }),
    ),
    ...(url.beside === null
      ? []
      : [{ id: 'close-beside', label: 'command.closeBeside', run: () => { setUrlState({ beside: null }, 'push'); } } satisfies Command]),
    { id: 'filter', label: 'command.filter', keys: '/', run: () => { toLog(); wantsFilterFocus.set(true); } },
    {
      id: 'errors',
      label: 'command.errors',
      run: () => {
        setUrlState({ view: 'log', filter: withFacet(url.filter, 'outcome', facetOf(url.filter, 'outcome') === 'error' ? null : 'error') }, 'push');
      },
    },
    { id: 'clear', label: 'command.clearFilter', run: () => { setUrlState({ filter: '' }); } },
    { id: 'pause', label: url.at === null ? 'command.pause' : 'command.resume', keys: 'P', run: togglePause },
    { id: 'back', label: 'command.stepBack', keys: '[', run: () => { void stepPlayhead(-1); } },
    { id: 'forward', label: 'command.stepForward', keys: ']', run: () => { void stepPlayhead(1); } },
    { id: 'graph', label: 'command.graph', keys: 'T', run: () => { setUrlState({ view: 'topology', table: false }, 'push'); } },
    { id: 'table', label: 'command.table', keys: 'T', run: () => { setUrlState({ view: 'topology', table: true }, 'push'); } },
    { id: 'light', label: 'command.themeLight', run: () => { setPrefs({ theme: 'light' }); } },
    { id: 'dark', label: 'command.themeDark', run: () => { setPrefs({ theme: 'dark' }); } },
    { id: 'system', label: 'command.themeSystem', run: () => { setPrefs({ theme: 'system' }); } },
    {
      id: 'language',
      label: 'command.language',
      run: () => { setPrefs({ language: usePrefs.getState().language === 'en' ? 'zh' : 'en' }); },
    },
    { id: 'link', label: 'command.copyLink', run: () => { void copyText(window.location.href); } },
    ...(url.run === null ? [] : [{ id: 'export-run', label: 'command.exportRun', run: () => { download({ run_id: url.run ?? 0 }); } } satisfies Command]),
    ...(url.session === null ? [] : [{ id: 'export-session', label: 'command.exportSession', run: () => { download({ session_id: url.session ?? '' }); } } satisfies Command]),
    { id: 'export', label: 'command.exportAll', run: () => { download({}); } },
    { id: 'settings', label: 'command.settings', run: () => { onOverlay('settings'); } },
    { id: 'copy', label: 'command.copyRun', run: () => { void copyText(RUN_COMMAND); } },
    { id: 'shortcuts', label: 'command.shortcuts', keys: '?', run: () => { onOverlay('shortcuts'); } },
  ];
}
