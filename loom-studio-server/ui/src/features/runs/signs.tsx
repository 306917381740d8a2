import type { CallStatus, RunStatus } from '../../data/runs';
import { useT } from '../../shared/i18n/useT';
import { Icon, type IconName } from '../../shared/ui/Icon';
import css from './runs.module.css';

const RUN_ICONS: Record<RunStatus, IconName> = { running: 'play', ok: 'ok', failed: 'error', unanswered: 'help' };

export function RunStatusSign({ status }: { status: RunStatus }) {
  const t = useT();
  return (
    <span className={css['status']} data-status={status}>
      <Icon name={RUN_ICONS[status]} size={12} />
      {t(`runs.status.${status}`)}
    </span>
  );
}

/** How a call ended, in the three colours of statuses. */
export function toneOf(status: CallStatus): 'running' | 'ok' | 'failed' {
  if (status === 'running') return 'running';
  return status === 'ok' ? 'ok' : 'failed';
}

export function CallStatusSign({ status }: { status: CallStatus }) {
  const t = useT();
  const tone = toneOf(status);
  return (
    <span className={css['status']} data-status={tone} title={t(`runs.call.${status}`)}>
      <Icon name={RUN_ICONS[tone]} size={11} />
      <span className="visually-hidden">{t(`runs.call.${status}`)}</span>
    </span>
  );
}
