import { useCallback, useEffect, useMemo, useRef, useState, useSyncExternalStore } from 'react';
import { dataClient } from '../../data/client';
import { useConnection } from '../../data/connectionStore';
import { pinnedOf, togglePin, useLogStore } from '../../data/logStore';
import { Outcome } from '../../data/outcome';
import { togglePause, usePlayhead } from '../../data/playhead';
import { select } from '../../data/selection';
import { wantsFilterFocus } from '../../data/signals';
import { useUrlState } from '../../data/useUrlState';
import { useT } from '../../shared/i18n/useT';
import { isTyping } from '../../shared/lib/keys';
import { useViewKeys } from '../../shared/ui/pane';
import { FilterBar } from './FilterBar';
import { logKey } from './logKeys';
import { LogGrid, type LogGridHandle } from './LogGrid';
import { LogNotices } from './LogNotices';
import { PinnedRows } from './PinnedRows';

/** Elements with their own use for arrows, Enter and Space. The grid is not one of them. */
const CONTROLS = 'button, a, select, input, label, [role="tree"], [role="separator"], [role="option"], summary';

export default function LogView() {
  const t = useT();
  const client = dataClient();
  const view = useSyncExternalStore(client.view.subscribe, client.view.get);
  const { seq: openSeq, filter, run, range, session } = useUrlState();
  const epoch = useConnection((status) => status.epoch);
  const pins = useLogStore((store) => pinnedOf(store, epoch));
  const pinned = useMemo(() => new Set(pins.map(({ seq }) => seq)), [pins]);
  const at = usePlayhead();
  const [cursor, setCursor] = useState(openSeq);
  const [following, setFollowing] = useState(true);
  const grid = useRef<LogGridHandle>(null);
  const filterInput = useRef<HTMLInputElement>(null);

  const [fromUs, toUs] = [range?.fromUs, range?.toUs];
  useEffect(() => {
    client.setFilter({ text: filter, run, session, range: fromUs === undefined || toUs === undefined ? null : { fromUs, toUs } });
  }, [client, filter, run, session, fromUs, toUs]);
  // Where no log is on screen, nobody waits for the server's answer.
  useEffect(() => () => { client.setFilter({ text: '', run: null, range: null, session: null }); }, [client]);

  const pin = (seq: number): void => {
    const now = client.view.get();
    const at = now?.seq.indexOf(seq) ?? -1;
    const known = pins.find((event) => event.seq === seq);
    if (epoch === null || (known === undefined && (now === null || at < 0 || now.outcome[at] === Outcome.Gap))) return;
    togglePin(epoch, known ?? {
      seq,
      timeUs: now?.timeUs[at] ?? 0,
      kind: now?.kind[at] ?? '',
      source: now?.source[at] ?? '',
      target: now?.target[at] ?? '',
      outcome: now?.outcome[at] ?? Outcome.None,
    });
  };

  // Back, Forward and links between events move the cursor too.
  useEffect(() => {
    if (openSeq !== null) setCursor(openSeq);
  }, [openSeq]);

  const open = useCallback((seq: number) => {
    setCursor(seq);
    setFollowing(false);
    select({ seq });
  }, []);

  const close = useCallback(() => {
    select(null, 'replace');
    grid.current?.focus();
  }, []);

  // Each step starts from where the one before it arrived, however fast the keys come.
  const latest = useRef({ cursor, openSeq });
  useEffect(() => {
    latest.current = { cursor, openSeq };
  }, [cursor, openSeq]);
  const steps = useRef(Promise.resolve());
  const move = useCallback(
    (delta: number) => {
      steps.current = steps.current.then(async () => {
        const { seq, ordinal } = await client.step(latest.current.cursor, delta);
        if (seq === null) return;
        const isOpen = latest.current.openSeq !== null;
        latest.current = { cursor: seq, openSeq: isOpen ? seq : null };
        setFollowing(false);
        setCursor(seq);
        if (isOpen) select({ seq }, 'replace');
        grid.current?.reveal(ordinal);
      });
    },
    [client],
  );

  useViewKeys((event) => {
    const target = event.target instanceof Element ? event.target : null;
    const action = logKey(event, {
      typing: isTyping(event.target),
      control: (target?.closest(CONTROLS) ?? null) !== null,
      pageRows: grid.current?.pageRows() ?? 10,
    });
    if (action === null) return;
    event.preventDefault();
    switch (action.do) {
      case 'move':
        move(action.delta);
        break;
      case 'open':
        void steps.current.then(() => {
          if (latest.current.cursor !== null) open(latest.current.cursor);
        });
        break;
      case 'close':
        if (openSeq !== null) close();
        break;
      case 'filter':
        filterInput.current?.focus();
        filterInput.current?.select();
        break;
      case 'pause':
        togglePause();
        break;
      case 'follow':
        setFollowing(true);
        break;
      case 'pin':
        if (cursor !== null) pin(cursor);
        break;
    }
  });

  const wantsFocus = useSyncExternalStore(wantsFilterFocus.subscribe, wantsFilterFocus.get);
  useEffect(() => {
    if (!wantsFocus) return;
    wantsFilterFocus.set(false);
    filterInput.current?.focus();
  }, [wantsFocus]);

  return (
    <>
      <h1 className="visually-hidden">{t('view.log')}</h1>
      <FilterBar
        inputRef={filterInput}
        view={view}
        at={at}
        following={following}
        onFollow={() => {
          setFollowing(true);
        }}
        onLeave={() => grid.current?.focus()}
      />
      <LogNotices view={view} />
      {epoch !== null && <PinnedRows epoch={epoch} events={pins} cursor={cursor} onOpen={open} />}
      <LogGrid
        ref={grid}
        view={view}
        cursor={cursor}
        revealSeq={openSeq}
        following={following}
        onFollowing={setFollowing}
        onOpen={open}
        pinned={pinned}
        onPin={pin}
      />
    </>
  );
}
