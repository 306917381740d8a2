import { useQuery } from '@tanstack/react-query';
import { useMemo, useState } from 'react';
import { ApiError } from '../../data/api';
import { useConnection } from '../../data/connectionStore';
import { fetchState, type StateAnswer } from '../../data/memory';
import { usePlayhead } from '../../data/playhead';
import { select } from '../../data/selection';
import { useAsOf } from '../../data/useAsOf';
import { useUrlState } from '../../data/useUrlState';
import { useT } from '../../shared/i18n/useT';
import { shortNode } from '../../shared/lib/nodeId';
import { JsonTree } from '../../shared/ui/JsonTree';
import { SeqLink } from '../../shared/ui/SeqLink';
import { Blame } from './Blame';
import css from './state.module.css';
import { StateDiff } from './StateDiff';

/** The state tree of one Loom process as of the playhead, and who made it so. */
export default function StateView() {
  const t = useT();
  const { session, compare } = useUrlState();
  const at = usePlayhead();
  const head = useConnection((status) => status.headSeq);
  const [pointer, setPointer] = useState('');
  const asked = { session_id: session ?? undefined };
  const { data, error } = useAsOf(['state', session, compare], (asOf, signal) => {
    const other = compare === null || compare > (asOf ?? compare) ? undefined : compare;
    return fetchState({ at: asOf, ...asked, diff_from: other }, signal);
  });
  const isLater = compare !== null && at !== null && compare > at;
  const { data: later } = useAsOf(
    ['state-later', session, compare],
    (asOf, signal) => fetchState({ at: compare ?? undefined, ...asked, diff_from: asOf }, signal),
    isLater,
  );
  const { data: then } = useQuery({
    queryKey: ['state-at', session, compare],
    queryFn: ({ signal }) => fetchState({ at: compare ?? undefined, ...asked }, signal),
    enabled: compare !== null,
    staleTime: Number.POSITIVE_INFINITY,
    retry: false,
  });
  const open = (seq: number): void => {
    select({ seq });
  };
  const isAbsent = error instanceof ApiError && error.code === 'not_found';
  const now = at ?? head;
  const diffed: StateAnswer | undefined = isLater ? later : data;
  const isComparing = compare !== null && compare !== now && then !== undefined && data !== undefined && then.session_id === data.session_id;
  // One object for as long as both values stay, so that a render doesn’t compare them anew.
  const compared = useMemo(() => {
    if (!isComparing || data === undefined || then === undefined) return null;
    const [before, after] = isLater ? [data.value, then.value] : [then.value, data.value];
    return { before: before ?? {}, after: after ?? {} };
  }, [isComparing, isLater, data, then]);
  return (
    <div className={css['view']}>
      <h1 className="visually-hidden">{t('view.state')}</h1>
      {isAbsent && (
        <div className={css['empty']}>
          <h2>{t('state.none')}</h2>
          <p>{t('state.noneHint')}</p>
        </div>
      )}
      {error !== null && !isAbsent && (
        <p role="alert" className={css['error']}>
          {t('state.failed', { detail: error.message })}
        </p>
      )}
      {data !== undefined && !isAbsent && (
        <>
          <div className={css['bar']}>
            <span>
              {t('state.session')} <code>{data.session_id}</code>
            </span>
            {data.changed !== null && (
              <SeqLink seq={data.changed.seq} onOpen={open}>
                {t('state.changed', { seq: String(data.changed.seq), node: shortNode(data.changed.node) })}
              </SeqLink>
            )}
          </div>
          <div className={css['body']}>
            <section aria-label={t('state.tree')} className={css['tree']}>
              <JsonTree
                value={compared === null ? data.value : compared.after}
                label={t('state.tree')}
                onRow={setPointer}
                isSearchable
                fills
                {...(compared === null ? {} : { compared })}
              />
            </section>
            <section className={css['side']}>
              {pointer !== '' && <Blame pointer={pointer} session={data.session_id} onOpen={open} />}
              {compare === null || compare === now ? (
                <p className={css['muted']}>{t('state.compareHint')}</p>
              ) : (
                diffed?.diff !== undefined && (
                  <StateDiff
                    changes={diffed.diff}
                    total={diffed.diff_total ?? diffed.diff.length}
                    from={Math.min(compare, now)}
                    to={Math.max(compare, now)}
                    onOpen={open}
                  />
                )
              )}
              {data.faults.length > 0 && (
                <>
                  <h2>{t('state.faults')}</h2>
                  <ul>
                    {data.faults.map((fault) => (
                      <li key={`${String(fault.seq)} ${String(fault.index)}`}>
                        <SeqLink seq={fault.seq} onOpen={open} /> <code>{fault.reason}</code>
                      </li>
                    ))}
                  </ul>
                </>
              )}
            </section>
          </div>
        </>
      )}
    </div>
  );
}
