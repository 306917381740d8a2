import { beforeEach, describe, expect, it } from 'vitest';
import { pinnedOf, readLogStore, setPinned, showColumn, togglePin, useLogStore, type PinnedEvent } from './logStore';

const event = (seq: number): PinnedEvent => ({ seq, timeUs: 1, kind: 'a', source: '/node/a', target: '', outcome: 0 });
const seqs = (epoch: string): number[] => pinnedOf(useLogStore.getState(), epoch).map(({ seq }) => seq);

beforeEach(() => {
  useLogStore.setState(readLogStore(null));
});

describe('the log as it is looked at', () => {
  it('keeps pinned events of a store in the order of the log', () => {
    for (const seq of [9, 3, 5]) togglePin('a', event(seq));
    togglePin('b', event(7));
    togglePin('a', event(5));
    expect([seqs('a'), seqs('b'), seqs('c')]).toEqual([[3, 9], [7], []]);
    for (const epoch of ['c', 'd', 'e', 'f']) setPinned(epoch, [event(1)]);
    expect([seqs('a'), seqs('f')]).toEqual([[], [1]]);
  });

  it('reads what it wrote, and nothing strange', () => {
    togglePin('a', event(2));
    showColumn('time', false);
    showColumn('bytes', true);
    expect(readLogStore(JSON.stringify(useLogStore.getState()))).toEqual(useLogStore.getState());
    expect(useLogStore.getState().hidden).toEqual(['time']);
    for (const stored of ['no json', 'null', '{"hidden":3,"pinned":[1,{"epoch":"a"}]}']) expect(readLogStore(stored)).toEqual({ hidden: ['bytes'], pinned: [] });
    expect(readLogStore('{"hidden":["seq","time","x"],"pinned":[{"epoch":"a","events":[{"seq":"1"}]}]}')).toEqual({ hidden: ['time'], pinned: [{ epoch: 'a', events: [] }] });
  });
});
