import { useState } from 'react';
import { loadSample, SAMPLE_WORKSPACE } from '../data/sample';
import { useUrlState } from '../data/useUrlState';
import { useT } from '../shared/i18n/useT';
import { Button } from '../shared/ui/Button';
import css from './emptyState.module.css';
import notice from './app.module.css';

/** What the page needs of `window.location`: another workspace is another log, and the page starts anew with it. */
type Goto = (address: string) => void;

const goTo: Goto = (address) => {
  window.location.assign(address);
};

/** Offers the recording that the page brings along to somebody who has nothing to look at. */
export function SampleOffer({ load = loadSample, onLoaded = goTo }: { load?: () => Promise<void>; onLoaded?: Goto }) {
  const t = useT();
  const [state, setState] = useState<'idle' | 'loading' | { problem: string }>('idle');
  const open = async (): Promise<void> => {
    setState('loading');
    try {
      await load();
      onLoaded(`/topology?workspace=${SAMPLE_WORKSPACE}`);
    } catch (error) {
      setState({ problem: error instanceof Error ? error.message : String(error) });
    }
  };
  return (
    <div className={css['sample']}>
      <p>{t('sample.offer')}</p>
      <Button look="primary" disabled={state === 'loading'} onClick={() => void open()}>
        {t(state === 'loading' ? 'sample.loading' : 'sample.open')}
      </Button>
      {typeof state === 'object' && (
        <p role="alert" className={css['problem']}>
          {t('sample.failed', { detail: state.problem })}
        </p>
      )}
    </div>
  );
}

/** Says that what is shown is the recording, and leads back. */
export function SampleNotice({ onLeave = goTo }: { onLeave?: Goto }) {
  const t = useT();
  const { workspace } = useUrlState();
  if (workspace !== SAMPLE_WORKSPACE) return null;
  return (
    <div role="note" className={notice['sample']}>
      <span>{t('sample.shown')}</span>
      <Button
        onClick={() => {
          onLeave('/topology');
        }}
      >
        {t('sample.leave')}
      </Button>
    </div>
  );
}
