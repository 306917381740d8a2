import type { EventDetail, EventLink } from '../../data/types';
import { select } from '../../data/selection';
import { setUrlState } from '../../data/useUrlState';
import { useT } from '../../shared/i18n/useT';
import { shortNode } from '../../shared/lib/nodeId';
import { Button } from '../../shared/ui/Button';
import { SeqLink } from '../../shared/ui/SeqLink';
import { Fact } from './Fact';
import css from './inspector.module.css';

function open(seq: number): void {
  select({ seq });
}

/** The run of an event, and what it has to do with other events: what they state, and what follows from it. */
export function EventLinks({ detail }: { detail: EventDetail }) {
  const t = useT();
  const { links, run_id: run, placed } = detail;
  // An answer that knows no run leaves them out.
  const { call = null, end = null, candidates = [] } = links;
  const isCallStated = call !== null && call.seq === links.request?.seq;
  const isEndStated = end !== null && end.seq === links.response?.seq;
  const hasLinks = [links.cause, links.request, links.response, call, end].some((link) => link !== null) || links.effects.length > 0;
  return (
    <section>
      <h3>{t('inspector.links')}</h3>
      {placed === 'behind' && <p className={css['muted']}>{t('link.behind')}</p>}
      {placed === 'failed' && <p className={css['muted']}>{t('link.notPlaced')}</p>}
      <dl className={css['facts']}>
        {run != null && (
          <Fact label={t('link.run')}>
            {`#${String(run)} `}
            <Button
              look="link"
              onClick={() => {
                setUrlState({ run, view: 'runs', beside: null }, 'push');
              }}
            >
              {t('link.openRun')}
            </Button>
          </Fact>
        )}
        {call !== null && !isCallStated && (
          <Fact label={t('link.call')}>
            <Link link={call} />
          </Fact>
        )}
        <Possible label={t('link.possibleCalls')} seqs={candidates} hasAll={links.has_all_candidates ?? true} />
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
        <Possible label={t('link.possibleCauses')} seqs={links.cause_candidates} />
        <Possible label={t('link.possibleRequests')} seqs={links.request_candidates} />
        <Possible label={t('link.possibleResponses')} seqs={links.response_candidates} />
        {end !== null && !isEndStated && (
          <Fact label={t('link.end')}>
            <Link link={end} />
          </Fact>
        )}
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
      {!hasLinks && <p className={css['muted']}>{t('inspector.noLinks')}</p>}
    </section>
  );
}

/** Events among which it can't be decided. */
function Possible({ label, seqs = [], hasAll = true }: { label: string; seqs?: readonly number[] | undefined; hasAll?: boolean }) {
  const t = useT();
  if (seqs.length === 0) return null;
  return (
    <Fact label={label}>
      <span className={css['possible']}>{t('link.undecided')}</span>{' '}
      {seqs.map((seq, index) => (
        <span key={seq}>
          {index > 0 && ', '}
          <SeqLink seq={seq} onOpen={open} />
        </span>
      ))}
      {!hasAll && <span className={css['muted']}>{` ${t('link.andOthers')}`}</span>}
    </Fact>
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
          open(link.seq);
        }}
      >
        {`#${String(link.seq)} ${link.type}`}
      </Button>
      <span className={css['muted']}>{` ${route} · ${t(`trust.${link.trust}`)}`}</span>
    </>
  );
}
