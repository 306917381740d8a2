import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { ApiError, fetchEvent } from '../../data/api';
import type { EventDetail, Observation } from '../../data/types';
import { select } from '../../data/selection';
import { useT, type Translate } from '../../shared/i18n/useT';
import { localDateTime } from '../../shared/lib/time';
import { Button, IconButton } from '../../shared/ui/Button';
import { JsonTree } from '../../shared/ui/JsonTree';
import { EventActions } from './EventActions';
import { EventLinks } from './EventLinks';
import { EventPayload } from './EventPayload';
import { EventSummary } from './EventSummary';
import { Fact } from './Fact';
import css from './inspector.module.css';

/** Replies and observations come after their event; a fresh event is asked for again while it is looked at. */
const REFRESH_MS = 2000;
const FRESH_MS = 60_000;

export function EventInspector({ seq, onClose }: { seq: number; onClose: () => void }) {
  const t = useT();
  const { data, error } = useQuery({
    queryKey: ['event', seq],
    queryFn: ({ signal }) => fetchEvent(seq, signal),
    retry: (count, cause) => count < 1 && cause instanceof ApiError && cause.code === 'unreachable',
    refetchInterval: ({ state }) => (state.data !== undefined && isFresh(state.data) ? REFRESH_MS : false),
  });
  return (
    <section aria-label={t('inspector.label')} className={css['inspector']}>
      <header className={css['head']}>
        <h2>{t('inspector.title', { seq: String(seq) })}</h2>
        <IconButton icon="close" look="quiet" label={t('close')} onClick={onClose} />
      </header>
      <div className={css['body']}>
        {error !== null && data === undefined && (
          <p role="alert" className={css['error']}>
            {failure(t, error)}
          </p>
        )}
        {error === null && data === undefined && <p className={css['muted']}>{t('inspector.loading')}</p>}
        {data !== undefined && <Detail key={seq} seq={seq} detail={data} />}
      </div>
    </section>
  );
}

function isFresh({ event, time }: EventDetail): boolean {
  const received = typeof event['studioreceived'] === 'string' ? event['studioreceived'] : time;
  return Date.now() - Date.parse(received) < FRESH_MS;
}

function failure(t: Translate, error: Error): string {
  if (error instanceof ApiError && error.code === 'not_found') return t('inspector.notFound');
  if (error instanceof ApiError && error.code === 'gone') return t('inspector.gone');
  return t('inspector.failed', { detail: error.message });
}

function Detail({ seq, detail }: { seq: number; detail: EventDetail }) {
  const t = useT();
  const { event, observations } = detail;
  const [done, setDone] = useState('');
  return (
    <>
      <EventActions seq={seq} detail={detail} onDone={setDone} />
      <p role="status" className={css['done']}>
        {done}
      </p>
      <EventSummary event={event} />
      <section>
        <h3>{t('inspector.envelope')}</h3>
        <dl className={css['facts']}>
          <Fact label={t('inspector.type')}>{text(event['type'])}</Fact>
          <Fact label={t('inspector.source')}>
            <NodeLink id={detail.source} />
          </Fact>
          <Fact label={t('inspector.target')}>{detail.target === null ? t('inspector.none') : <NodeLink id={detail.target} />}</Fact>
          <Fact label={t('inspector.time')}>{moment(detail.time)}</Fact>
          <Fact label={t('inspector.received')}>{moment(text(event['studioreceived']))}</Fact>
          <Fact label={t('inspector.session')}>{detail.session_id}</Fact>
          <Fact label={t('inspector.id')}>{text(event['id'])}</Fact>
          {typeof event['traceparent'] === 'string' && <Fact label={t('inspector.trace')}>{event['traceparent']}</Fact>}
        </dl>
      </section>
      <EventLinks detail={detail} />
      {observations.length > 0 && (
        <section>
          <h3>{t('inspector.observations')}</h3>
          <ul>
            {observations.map((observation) => (
              <ObservationItem key={observation.seq} observation={observation} />
            ))}
          </ul>
        </section>
      )}
      <EventPayload seq={seq} detail={detail} onDone={setDone} />
    </>
  );
}

function text(value: unknown): string {
  return typeof value === 'string' ? value : '';
}

/** Local time of an RFC 3339 text; the text itself where it isn't one. */
function moment(value: string): string {
  const ms = Date.parse(value);
  return Number.isNaN(ms) ? value : localDateTime(ms * 1000);
}

function NodeLink({ id }: { id: string }) {
  return (
    <Button
      look="link"
      onClick={() => {
        select({ node: id });
      }}
    >
      {id}
    </Button>
  );
}

function ObservationItem({ observation }: { observation: Observation }) {
  const t = useT();
  const isEmpty = Object.keys(observation.changed).length === 0;
  return (
    <li>
      <span>
        <strong>{observation.phase}</strong> <span className={css['muted']}>{`#${String(observation.seq)} · ${moment(observation.at)}`}</span>
      </span>
      {isEmpty ? (
        <span className={css['muted']}>{` · ${t('observation.noChange')}`}</span>
      ) : (
        <JsonTree value={observation.changed} label={observation.phase} openDepth={1} />
      )}
    </li>
  );
}
