import { useQuery } from '@tanstack/react-query';
import { fetchSessions } from '../data/sessions';
import { useHeadTick } from '../data/useAsOf';
import { setUrlState, useUrlState } from '../data/useUrlState';
import { useT } from '../shared/i18n/useT';
import { clockTime } from '../shared/lib/time';
import controls from '../shared/ui/controls.module.css';
import css from './header.module.css';

/** Sessions listed at most; one that was chosen by link is listed anyway. */
const LISTED = 200;

/** Which Loom process the views are about: one, or all. */
export function SessionPicker() {
  const t = useT();
  const { session } = useUrlState();
  const head = useHeadTick();
  const { data } = useQuery({ queryKey: ['sessions', head], queryFn: ({ signal }) => fetchSessions(signal), placeholderData: (before) => before });
  const sessions = (data ?? []).slice(0, LISTED);
  if (sessions.length < 2 && session === null) return null;
  const isListed = session === null || sessions.some(({ id }) => id === session);
  return (
    <select
      className={`${controls['select'] ?? ''} ${css['session'] ?? ''}`}
      aria-label={t('header.session')}
      value={session ?? ''}
      onChange={(event) => {
        setUrlState({ session: event.target.value === '' ? null : event.target.value, run: null }, 'push');
      }}
    >
      <option value="">{t('header.allSessions', { n: data?.length ?? 0 })}</option>
      {!isListed && <option value={session}>{session}</option>}
      {sessions.map(({ id, status, last_time: last }) => (
        <option key={id} value={id}>
          {`${status === 'connected' ? '● ' : ''}${id} · ${clockTime(Date.parse(last) * 1000)}`}
        </option>
      ))}
    </select>
  );
}
