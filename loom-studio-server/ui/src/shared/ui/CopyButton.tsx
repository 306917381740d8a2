import { useEffect, useState } from 'react';
import { useT } from '../i18n/useT';
import { copyText } from '../lib/clipboard';
import { Button } from './Button';

/** Copies `text` and says so for a moment. */
export function CopyButton({ text, label, look = 'plain' }: { text: string; label?: string; look?: 'plain' | 'quiet' | 'primary' }) {
  const t = useT();
  const [copied, setCopied] = useState(false);
  useEffect(() => {
    if (!copied) return undefined;
    const timer = setTimeout(() => {
      setCopied(false);
    }, 1500);
    return () => {
      clearTimeout(timer);
    };
  }, [copied]);
  return (
    <Button
      look={look}
      icon={copied ? 'ok' : 'copy'}
      onClick={() => {
        void copyText(text).then(setCopied);
      }}
    >
      <span aria-live="polite">{copied ? t('copied') : (label ?? t('copy'))}</span>
    </Button>
  );
}
