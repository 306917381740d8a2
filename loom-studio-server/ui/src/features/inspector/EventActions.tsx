import { exportUrl } from '../../data/download';
import { addBreakpoint } from '../../data/breakpoints';
import { typeCondition } from '../../data/conditions';
import { withFacet } from '../../data/conditionEdit';
import { movePlayhead } from '../../data/playhead';
import type { EventDetail } from '../../data/types';
import { encodeUrl } from '../../data/urlState';
import { setUrlState, useUrlState } from '../../data/useUrlState';
import { useT } from '../../shared/i18n/useT';
import { Button } from '../../shared/ui/Button';
import { CopyButton } from '../../shared/ui/CopyButton';
import { Icon } from '../../shared/ui/Icon';
import { valueText } from '../../shared/ui/jsonRows';
import css from './inspector.module.css';

interface EventActionsProps {
  seq: number;
  detail: EventDetail;
  onDone: (message: string) => void;
}

/** What can be done with an event. */
export function EventActions({ seq, detail, onDone }: EventActionsProps) {
  const t = useT();
  const state = useUrlState();
  const type = typeof detail.event['type'] === 'string' ? detail.event['type'] : '';
  return (
    <div role="toolbar" aria-label={t('inspector.actions')} className={css['actions']}>
      <Button
        icon="start"
        disabled={state.at === seq}
        onClick={() => {
          movePlayhead(seq);
        }}
      >
        {t('inspector.playheadHere')}
      </Button>
      <Button
        icon="breakpoint"
        onClick={() => {
          const condition = typeCondition(type);
          addBreakpoint(condition);
          onDone(t('inspector.breakpointAdded', { condition }));
        }}
      >
        {t('inspector.breakLikeThis')}
      </Button>
      <Button
        icon="log"
        onClick={() => {
          setUrlState({ view: 'log', filter: withFacet(withFacet('', 'type', type), 'from', detail.source) }, 'push');
        }}
      >
        {t('inspector.filterLikeThis')}
      </Button>
      <CopyButton text={`${location.origin}${encodeUrl(state)}`} label={t('inspector.copyLink')} />
      <CopyButton text={valueText(detail.event)} label={t('inspector.copyEvent')} />
      <Download address={exportUrl({ where: `seq = ${String(seq)}` })} name={`event-${String(seq)}.jsonl`} label={t('inspector.exportEvent')} />
      {detail.run_id != null && (
        <Download address={exportUrl({ run_id: detail.run_id })} name={`run-${String(detail.run_id)}.jsonl`} label={t('inspector.exportRun')} />
      )}
    </div>
  );
}

function Download({ address, name, label }: { address: string; name: string; label: string }) {
  return (
    <a href={address} download={name} className={css['download']}>
      <Icon name="down" />
      {label}
    </a>
  );
}
