import { useQuery } from '@tanstack/react-query';
import { useEffect, useState } from 'react';
import { fetchEvent } from '../../data/api';
import { dataClient } from '../../data/client';

export interface LinkedPlace {
  seq: number;
  timeUs: number;
  node: string;
}

export interface LinkedArrow {
  from: LinkedPlace;
  to: LinkedPlace;
}

/** Cause → effect of the selected event, for as far as this page holds them. */
export function useArrows(seq: number | null): LinkedArrow[] {
  const { data } = useQuery({ queryKey: ['event', seq], queryFn: ({ signal }) => fetchEvent(seq ?? 0, signal), enabled: seq !== null });
  const [arrows, setArrows] = useState<LinkedArrow[]>([]);
  useEffect(() => {
    let isCurrent = true;
    if (data === undefined || seq === null) {
      setArrows([]);
      return undefined;
    }
    const { links, source } = data;
    const before = [links.cause, links.request].filter((link) => link !== null);
    const after = [links.response, ...links.effects].filter((link) => link !== null);
    const nodes = new Map([[seq, source], ...[...before, ...after].map((link) => [link.seq, link.source] as const)]);
    const seqs = [...nodes.keys()];
    void dataClient()
      .times(seqs)
      .then(({ times }) => {
        if (!isCurrent) return;
        const place = (of: number): LinkedPlace => ({ seq: of, timeUs: times[seqs.indexOf(of)] ?? Number.NaN, node: nodes.get(of) ?? '' });
        const seen = new Set<number>();
        const pairs = [...before.map((link) => ({ from: place(link.seq), to: place(seq) })), ...after.map((link) => ({ from: place(seq), to: place(link.seq) }))];
        setArrows(
          pairs.filter(({ from, to }) => {
            const other = from.seq === seq ? to.seq : from.seq;
            const isNew = !seen.has(other);
            seen.add(other);
            return isNew && !Number.isNaN(from.timeUs) && !Number.isNaN(to.timeUs);
          }),
        );
      });
    return () => {
      isCurrent = false;
    };
  }, [data, seq]);
  return arrows;
}
