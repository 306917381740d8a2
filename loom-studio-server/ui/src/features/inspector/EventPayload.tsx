import { useQuery } from '@tanstack/react-query';
import { useMemo, useState } from 'react';
import { fetchEvent } from '../../data/api';
import { addBreakpoint } from '../../data/breakpoints';
import { fieldCondition } from '../../data/conditions';
import type { EventDetail } from '../../data/types';
import { useT } from '../../shared/i18n/useT';
import { Button } from '../../shared/ui/Button';
import { JsonTree } from '../../shared/ui/JsonTree';
import type { RowAction } from '../../shared/ui/JsonTreeRow';
import { LookSwitch, Raw, type Look } from '../../shared/ui/Readable';
import css from './inspector.module.css';
import { keep, useKept } from './kept';

interface EventPayloadProps {
  seq: number;
  detail: EventDetail;
  onDone: (message: string) => void;
}

/** The whole event as it is stored, alone or beside another. */
export function EventPayload({ seq, detail, onDone }: EventPayloadProps) {
  const t = useT();
  const { event, links } = detail;
  const kept = useKept((state) => state.seq);
  const [look, setLook] = useState<Look>('tree');
  const [other, setOther] = useState<number | null>(null);
  const { data: compared, error } = useQuery({
    queryKey: ['event', other],
    queryFn: ({ signal }) => fetchEvent(other ?? 0, signal),
    enabled: other !== null,
  });
  const actions = useMemo<RowAction[]>(
    () => [
      {
        icon: 'breakpoint',
        label: t('inspector.breakField'),
        applies: (row) => row.kind !== 'more' && row.mark !== 'removed' && fieldCondition(event, row.id) !== null,
        run: (row) => {
          const condition = fieldCondition(event, row.id);
          if (condition === null) return;
          addBreakpoint(condition);
          onDone(t('inspector.breakpointAdded', { condition }));
        },
      },
    ],
    [event, onDone, t],
  );
  const offers: [string, number][] = [];
  if (links.cause !== null) offers.push([t('link.cause'), links.cause.seq]);
  if (links.request !== null && links.request.seq !== links.cause?.seq) offers.push([t('link.request'), links.request.seq]);
  if (links.response !== null) offers.push([t('link.response'), links.response.seq]);
  if (kept !== null && kept !== seq) offers.push([t('inspector.kept'), kept]);
  const before = compared !== undefined && other !== null ? compared.event : undefined;
  const isComparing = before !== undefined && look === 'tree';
  return (
    <section>
      <h3>{t('inspector.event')}</h3>
      <div className={css['tools']}>
        <LookSwitch label={t('inspector.event')} look={look} looks={['tree', 'raw']} onLook={setLook} />
        <label>
          {t('inspector.compareWith')}{' '}
          <select
            value={other === null ? '' : String(other)}
            onChange={({ target }) => {
              setOther(target.value === '' ? null : Number(target.value));
            }}
          >
            <option value="">{t('inspector.compareNone')}</option>
            {offers.map(([name, at]) => (
              <option key={name} value={at}>{`${name} · #${String(at)}`}</option>
            ))}
          </select>
        </label>
        <Button
          look="quiet"
          icon="pin"
          aria-pressed={kept === seq}
          onClick={() => {
            keep(kept === seq ? null : seq);
          }}
        >
          {t('inspector.keep')}
        </Button>
      </div>
      {error !== null && other !== null && (
        <p role="alert" className={css['error']}>
          {t('inspector.failed', { detail: error.message })}
        </p>
      )}
      {look === 'raw' ? (
        <Raw value={event} />
      ) : (
        <JsonTree value={event} label={t('tree.label')} isSearchable rowActions={actions} {...(isComparing ? { compared: { before } } : {})} />
      )}
    </section>
  );
}
