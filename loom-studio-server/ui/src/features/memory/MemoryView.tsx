import { useState } from 'react';
import { fetchMemory, fetchOwners } from '../../data/memory';
import { usePlayhead } from '../../data/playhead';
import { select } from '../../data/selection';
import { useAsOf } from '../../data/useAsOf';
import { useConnection } from '../../data/connectionStore';
import { setUrlState, useUrlState } from '../../data/useUrlState';
import { useT } from '../../shared/i18n/useT';
import { shortNode } from '../../shared/lib/nodeId';
import { Button } from '../../shared/ui/Button';
import controls from '../../shared/ui/controls.module.css';
import { CopyButton } from '../../shared/ui/CopyButton';
import { Diff } from './Diff';
import { EntryTable } from './EntryTable';
import { Flow } from './Flow';
import css from './memory.module.css';
import { Pso } from './Pso';
import { Tiers } from './Tiers';

const PAGE = 200;
const INSTALL = 'pip install loom-studio';

/** What one node remembers as of the playhead, tier by tier, and how it came to that. */
export default function MemoryView() {
  const t = useT();
  const { node, session, compare, table } = useUrlState();
  const at = usePlayhead();
  const head = useConnection((status) => status.headSeq);
  const [limit, setLimit] = useState(PAGE);
  const [chosen, setChosen] = useState<string | null>(null);
  const asked = { session_id: session ?? undefined };
  const { data: owners } = useAsOf(['memory', session], (asOf, signal) => fetchOwners({ at: asOf, ...asked }, signal));
  const names = [...new Set(owners?.owners.map(({ node_id: id }) => id))];
  // The selected node, if it has a memory; else the one looked at last, else the one with the newest report.
  const wanted = [node, chosen].find((id) => id !== null && names.includes(id));
  const newest = owners?.owners.reduce<(typeof owners.owners)[number] | null>((a, b) => (a === null || b.last_seq > a.last_seq ? b : a), null);
  const owner = wanted ?? newest?.node_id ?? null;
  const now = at ?? head;
  const span = compare === null || compare === now ? null : { from: Math.min(compare, now), to: Math.max(compare, now) };
  const { data: memory, error } = useAsOf(
    ['memory', session, owner, limit, compare],
    (asOf, signal) => {
      const other = compare === null || compare > (asOf ?? compare) ? undefined : compare;
      return fetchMemory(owner ?? '', { at: asOf, ...asked, limit, diff_from: other }, signal);
    },
    owner !== null,
  );
  // Compared with a later position, the changes are those on the way there.
  const { data: later } = useAsOf(
    ['memory-later', session, owner, compare],
    (asOf, signal) => fetchMemory(owner ?? '', { at: compare ?? undefined, ...asked, limit: 1, diff_from: asOf }, signal),
    owner !== null && compare !== null && at !== null && compare > at,
  );
  const open = (seq: number): void => {
    select({ seq });
  };

  if (owners !== undefined && names.length === 0) {
    return (
      <div className={css['empty']}>
        <h1 className="visually-hidden">{t('view.memory')}</h1>
        <h2>{t('memory.none')}</h2>
        <p>{t('memory.noneHint')}</p>
        <p className={css['command']}>
          <code>{INSTALL}</code>
          <CopyButton text={INSTALL} look="quiet" />
        </p>
      </div>
    );
  }
  const shown = memory?.node_id === owner ? memory : undefined;
  const diffed = later !== undefined && compare !== null && at !== null && compare > at ? later : shown;
  return (
    <div className={css['view']}>
      <h1 className="visually-hidden">{t('view.memory')}</h1>
      <div className={css['bar']}>
        <label>
          {t('memory.owner')}{' '}
          <select
            className={controls['select']}
            value={owner ?? ''}
            onChange={(event) => {
              setChosen(event.target.value);
              setLimit(PAGE);
              select({ node: event.target.value });
            }}
          >
            {names.map((id) => (
              <option key={id} value={id}>
                {shortNode(id)}
              </option>
            ))}
          </select>
        </label>
        {shown !== undefined && (
          <span className={css['muted']} data-testid="memory-total">
            {t('memory.entries', { n: shown.total })} · {t('memory.session')} {shown.session_id}
          </span>
        )}
        <div className={css['spacer']} />
        <Button
          icon="table"
          aria-pressed={table}
          onClick={() => {
            setUrlState({ table: !table }, 'push');
          }}
        >
          {t('memory.asTable')}
        </Button>
      </div>
      {error !== null && (
        <p role="alert" className={css['error']}>
          {t('memory.failed', { detail: error.message })}
        </p>
      )}
      {shown === undefined ? (
        error === null && <p className={css['muted']}>{t('memory.loading')}</p>
      ) : (
        <div className={css['body']}>
          {span !== null && diffed?.diff !== undefined && (
            <Diff changes={diffed.diff} total={diffed.diff_total ?? diffed.diff.length} from={span.from} to={span.to} onOpen={open} />
          )}
          {table ? <EntryTable memory={shown} onOpen={open} /> : <Tiers memory={shown} onOpen={open} />}
          {shown.memory.length < shown.total && (
            <Button
              onClick={() => {
                setLimit(Math.min(1000, limit + PAGE * 2));
              }}
              disabled={limit >= 1000}
            >
              {t('memory.more', { n: shown.memory.length, total: shown.total })}
            </Button>
          )}
          <div className={css['lower']}>
            <Flow memory={shown} onOpen={open} />
            <Pso memory={shown} onOpen={open} />
          </div>
        </div>
      )}
    </div>
  );
}
