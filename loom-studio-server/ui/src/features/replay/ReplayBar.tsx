import { useEffect, useRef, useState } from 'react';
import { fetchFirst } from '../../data/api';
import { anyOf, useBreakpoints } from '../../data/breakpoints';
import { useConnection } from '../../data/connectionStore';
import { movePlayhead, newestShown, stepPlayhead, usePlayhead } from '../../data/playhead';
import { setUrlState, useUrlState } from '../../data/useUrlState';
import { useT } from '../../shared/i18n/useT';
import { Button, IconButton } from '../../shared/ui/Button';
import controls from '../../shared/ui/controls.module.css';
import { Breakpoints } from './Breakpoints';
import { SPEEDS } from './player';
import css from './replay.module.css';
import { Scrubber } from './Scrubber';
import { usePlayer } from './usePlayer';

/** Moves the one playhead that all views follow. */
export function ReplayBar() {
  const t = useT();
  const at = usePlayhead();
  const { compare } = useUrlState();
  const [speed, setSpeed] = useState(1);
  const [open, setOpen] = useState(false);
  const [message, setMessage] = useState('');
  const head = useConnection((status) => status.headSeq);
  const list = useBreakpoints((state) => state.list);
  const player = usePlayer(at, speed);
  const search = useRef<AbortController | null>(null);
  useEffect(() => () => search.current?.abort(), []);

  const move = (seq: number | null): void => {
    player.pause();
    movePlayhead(seq);
  };
  const find = async (where: string, direction: 'forward' | 'backward', range: { from_seq?: number; to_seq?: number }): Promise<void> => {
    player.pause();
    search.current?.abort();
    const abort = new AbortController();
    search.current = abort;
    setMessage(t('replay.searching'));
    try {
      const { event } = await fetchFirst({ where, direction, ...range }, abort.signal);
      if (event === null) setMessage(t('replay.noneThere'));
      else {
        setMessage(t('replay.stopped', { seq: String(event.seq) }));
        movePlayhead(event.seq);
      }
    } catch (error) {
      if (!abort.signal.aborted) setMessage(t('replay.failed', { detail: error instanceof Error ? error.message : String(error) }));
    }
  };
  const where = anyOf(list);
  const here = at ?? head + 1;
  const said = player.stopped === null ? message : 'seq' in player.stopped ? t('replay.stopped', { seq: String(player.stopped.seq) }) : t('replay.failed', { detail: player.stopped.error });

  return (
    <section aria-label={t('replay.label')} className={css['bar']}>
      <div className={css['buttons']}>
        <IconButton icon="start" look="quiet" label={t('replay.start')} onClick={() => { move(Math.max(1, useConnection.getState().serverFirstSeq)); }} />
        <IconButton icon="back" look="quiet" label={`${t('replay.back')} [`} onClick={() => { player.pause(); void stepPlayhead(-1); }} />
        <IconButton
          icon={player.playing ? 'pause' : 'play'}
          look="quiet"
          label={t(player.playing ? 'replay.pause' : 'replay.play')}
          onClick={player.playing ? player.pause : player.play}
        />
        <IconButton icon="forward" look="quiet" label={`${t('replay.forward')} ]`} disabled={at === null} onClick={() => { player.pause(); void stepPlayhead(1); }} />
        <select
          className={controls['select']}
          aria-label={t('replay.speed')}
          value={speed}
          onChange={(event) => {
            setSpeed(Number(event.target.value));
          }}
        >
          {SPEEDS.map((option) => (
            <option key={option} value={option}>{`${String(option)}×`}</option>
          ))}
        </select>
      </div>
      <Scrubber at={at} onMove={move} />
      <output className={css['place']} data-testid="playhead">
        {at === null ? t('replay.atHead', { head: String(head) }) : t('replay.position', { seq: String(at), head: String(head) })}
      </output>
      <Button icon="live" aria-pressed={at === null} title={`${t('replay.goLive')} (P)`} onClick={() => { move(at === null ? newestShown() : null); }}>
        {t('replay.live')}
      </Button>
      <div className={css['buttons']}>
        <IconButton
          icon="previous"
          look="quiet"
          label={t('replay.previousBreak')}
          disabled={where === null}
          onClick={() => { if (where !== null) void find(where, 'backward', { to_seq: here - 1 }); }}
        />
        <Button icon="breakpoint" look="quiet" aria-expanded={open} aria-controls="breakpoints" onClick={() => { setOpen(!open); }}>
          {list.length === 0 ? t('replay.breakpoints') : t('replay.breakpointCount', { n: list.length })}
        </Button>
        <IconButton
          icon="next"
          look="quiet"
          label={t('replay.nextBreak')}
          disabled={where === null || at === null}
          onClick={() => { if (where !== null) void find(where, 'forward', { from_seq: here + 1 }); }}
        />
        <IconButton
          icon="compare"
          look="quiet"
          aria-pressed={compare !== null}
          label={compare === null ? t('replay.compareHere') : `${t('replay.compareWith', { seq: String(compare) })} · ${t('replay.compareEnd')}`}
          onClick={() => { setUrlState({ compare: compare === null ? (at ?? newestShown()) : null }, 'push'); }}
        />
      </div>
      <span role="status" className={css['said']}>
        {said}
      </span>
      {open && (
        <div id="breakpoints" className={css['panel']}>
          <Breakpoints
            onFirst={(condition) => {
              void find(condition, 'forward', {});
            }}
          />
        </div>
      )}
    </section>
  );
}
