import { useQuery } from '@tanstack/react-query';
import { ApiError, fetchEvent } from '../../data/api';
import { movePlayhead } from '../../data/playhead';
import type { EventDetail, EventLink, Observation } from '../../data/types';
import { select } from '../../data/selection';
import { useT, type Translate } from '../../shared/i18n/useT';
import { shortNode } from '../../shared/lib/nodeId';
import { localDateTime } from '../../shared/lib/time';
import { Button, IconButton } from '../../shared/ui/Button';
import { CopyButton } from '../../shared/ui/CopyButton';
import { valueText } from '../../shared/ui/jsonRows';
import { JsonTree } from '../../shared/ui/JsonTree';
import css from './inspector.module.css';

/** Replies and observations come after their event; a fresh event is asked for again while it is looked at. */
const REFRESH_MS = 2000;
const FRESH_MS = 60_000;

function onOpen(seq: number): void {
  select({ seq });
}

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
        {data !== undefined && <CopyButton look="quiet" text={valueText(data.event)} label={t('inspector.copyEvent')} />}
        <Button
          look="quiet"
          title={t('replay.moveHereHint')}
          onClick={() => {
            movePlayhead(seq);
          }}
        >
          {t('replay.moveHere')}
        </Button>
        <IconButton icon="close" look="quiet" label={t('close')} onClick={onClose} />
      </header>
      <div className={css['body']}>
        {error !== null && data === undefined && (
          <p role="alert" className={css['error']}>
            {failure(t, error)}
          </p>
        )}
        {error === null && data === undefined && <p className={css['muted']}>{t('inspector.loading')}</p>}
        {data !== undefined && <Detail key={seq} detail={data} />}
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

function Detail({ detail }: { detail: EventDetail }) {
  const t = useT();
  const { event, links, observations } = detail;
  const hasLinks = links.cause !== null || links.request !== null || links.response !== null || links.effects.length > 0;
  return (
    <>
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
      <section>
        <h3>{t('inspector.links')}</h3>
        {!hasLinks && <p className={css['muted']}>{t('inspector.noLinks')}</p>}
        {hasLinks && (
          <dl className={css['facts']}>
            {(['cause', 'request', 'response'] as const).map((name) => {
              const link = links[name];
              return (
                link !== null && (
                  <Fact key={name} label={t(`link.${name}`)}>
                    <Link link={link} />
                  </Fact>
                )
              );
            })}
            {links.effects.length > 0 && (
              <Fact label={t('link.effects')}>
                <ul>
                  {links.effects.map((link) => (
                    <li key={link.seq}>
                      <Link link={link} />
                    </li>
                  ))}
                </ul>
              </Fact>
            )}
          </dl>
        )}
      </section>
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
      <section>
        <h3>{t('inspector.event')}</h3>
        <JsonTree value={event} label={t('tree.label')} />
      </section>
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

function Fact({ label, children }: { label: string; children: React.ReactNode }) {
  return (
    <div>
      <dt>{label}</dt>
      <dd>{children}</dd>
    </div>
  );
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

function Link({ link }: { link: EventLink }) {
  const t = useT();
  const route = link.target === null ? shortNode(link.source) : `${shortNode(link.source)} → ${shortNode(link.target)}`;
  return (
    <>
      <Button
        look="link"
        onClick={() => {
          onOpen(link.seq);
        }}
      >
        {`#${String(link.seq)} ${link.type}`}
      </Button>
      <span className={css['muted']}>{` ${route} · ${t(`trust.${link.trust}`)}`}</span>
    </>
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
