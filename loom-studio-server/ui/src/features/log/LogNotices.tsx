import type { ReactNode } from 'react';
import { dataClient } from '../../data/client';
import { asCondition, parseFilter } from '../../data/condition';
import { useConnection } from '../../data/connectionStore';
import type { ViewMessage } from '../../data/messages';
import { setUrlState, useUrlState } from '../../data/useUrlState';
import { useT } from '../../shared/i18n/useT';
import { Button } from '../../shared/ui/Button';
import css from './log.module.css';
import { MAX_ROWS } from './logWindow';

/** What the list leaves out, said plainly, with the way to it. */
export function LogNotices({ view }: { view: ViewMessage | null }) {
  const t = useT();
  const { filter, run, range, session } = useUrlState();
  const head = useConnection((status) => status.headSeq);
  if (view === null) return null;
  const { older, problem, isLoading } = view;
  const isFiltered = parseFilter(filter).kind !== 'all' || run !== null || range !== null || session !== null;
  const load = (
    <Button look="link" disabled={isLoading} onClick={() => { dataClient().loadOlder(); }}>
      {isLoading ? t('log.loading') : t('log.olderLoad')}
    </Button>
  );
  const notices: [string, ReactNode][] = [];
  if (problem !== null && problem.code !== 'invalid_condition') {
    const again = (
      <Button look="link" onClick={() => { if (view.isApplied) dataClient().loadOlder(); else dataClient().setFilter({ text: filter, run, range, session }); }}>
        {t('log.retry')}
      </Button>
    );
    notices.push([t(problem.code === 'unreachable' ? 'log.unreachable' : 'notice.serverError', { detail: problem.detail }), again]);
  }
  if (problem !== null && !view.isApplied) notices.push([t('log.notApplied'), null]);
  if (view.isServers && view.looked > 0) notices.push([t('log.looked', { n: Math.min(view.looked, head), total: head }), older === null ? null : load]);
  else if (view.isServers && older !== null) notices.push([t('log.olderMatches', { before: String(older.to + 1) }), load]);
  if (!view.isServers && older !== null && older.to >= older.from) {
    const key = isFiltered ? 'log.olderMatches' : 'log.older';
    notices.push([t(key, { from: String(older.from), before: String(older.to + 1) }), load]);
  }
  if (view.loaded > 0) notices.push([t('log.olderLoaded', { n: view.loaded }), null]);
  if (isLoading && !view.isServers && notices.length === 0) notices.push([t('log.asking'), null]);
  if (view.end - view.first > MAX_ROWS) notices.push([t('log.capped', { n: MAX_ROWS }), null]);
  if (view.previewsFrom > 0) {
    const everywhere = (
      <Button look="link" onClick={() => { setUrlState({ filter: asCondition(filter) }); }}>
        {t('log.wordsEverywhere')}
      </Button>
    );
    notices.push([t('log.nonePreviews', { seq: String(view.previewsFrom) }), everywhere]);
  }
  if (notices.length === 0) return null;
  return (
    <div role="note" className={css['notices']}>
      {notices.map(([text, action]) => (
        <p key={text}>
          {text} {action}
        </p>
      ))}
    </div>
  );
}
