import type { Explanation, RunDetail } from '../../data/runs';
import type { MessageKey } from '../../shared/i18n/en';
import { en } from '../../shared/i18n/areas/runs';
import { useT, type Translate } from '../../shared/i18n/useT';
import { shortNode } from '../../shared/lib/nodeId';
import { duration } from '../../shared/lib/time';
import { SeqLink } from '../../shared/ui/SeqLink';
import css from './runs.module.css';

/** One step of a chain in words; the server's own where its code isn't known here. */
export function worded(t: Translate, step: Explanation): string {
  const key = `runs.why.${step.code}`;
  if (!(key in en)) return step.text;
  return t(key as MessageKey, {
    node: shortNode(step.node),
    callee: step.callee == null ? '' : shortNode(step.callee),
    waited: step.waited_ms == null ? '' : duration(step.waited_ms),
    after: step.after_ms == null ? '' : duration(step.after_ms),
  });
}

/** From the first error to the root of the run, each step with its event. */
export function WhyFailed({ failure, onOpen }: { failure: Exclude<RunDetail['failure'], null>; onOpen: (seq: number) => void }) {
  const t = useT();
  return (
    <section aria-label={t('runs.whyFailed')} className={css['why']} data-testid="why-failed">
      <ol>
        {failure.chain.map((step, index) => (
          <li key={`${String(step.event)} ${String(index)}`}>
            <SeqLink seq={step.event} onOpen={onOpen} /> {worded(t, step)}
            {step.error != null && <code className={css['errorText']}>{step.error}</code>}
          </li>
        ))}
      </ol>
      {!failure.is_fatal && <p className={css['muted']}>{t('runs.harmless')}</p>}
    </section>
  );
}

const STEPS = 12;

interface Share {
  node: string;
  request: number;
  ms: number;
  inVain: boolean;
}

/** The calls that the critical path spent its time in, the longest first. */
export function longest({ critical_path: steps, calls }: Pick<RunDetail, 'critical_path' | 'calls'>): Share[] {
  const shares = new Map<string, Share>();
  for (const step of steps) {
    const call = calls[step.call];
    if (call === undefined) continue;
    const inVain = step.pursuit === 'wait_in_vain';
    const key = `${String(step.call)} ${String(inVain)}`;
    const share = shares.get(key) ?? { node: call.to, request: call.request, ms: 0, inVain };
    share.ms += step.duration_ms;
    shares.set(key, share);
  }
  return [...shares.values()].sort((a, b) => b.ms - a.ms || a.request - b.request);
}

export function WhySlow({ detail, onOpen }: { detail: RunDetail; onOpen: (seq: number) => void }) {
  const t = useT();
  const shares = longest(detail).slice(0, STEPS);
  return (
    <section aria-label={t('runs.whySlow')} className={css['why']} data-testid="why-slow">
      <ol>
        {shares.map((share) => {
          const part = detail.run.duration_ms === 0 ? 0 : share.ms / detail.run.duration_ms;
          return (
            <li key={`${String(share.request)} ${String(share.inVain)}`}>
              <SeqLink seq={share.request} onOpen={onOpen} /> <strong>{shortNode(share.node)}</strong> {duration(share.ms)}{' '}
              <span className={css['muted']}>
                {t('runs.critical.share', { share: Math.round(part * 1000) / 10 })}
                {share.inVain && ` · ${t('runs.wait_in_vain')}`}
              </span>
              <span aria-hidden="true" className={css['part']} style={{ width: `${String(Math.min(1, part) * 100)}%` }} />
            </li>
          );
        })}
      </ol>
    </section>
  );
}
