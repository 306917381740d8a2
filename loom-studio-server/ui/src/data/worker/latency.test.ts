import fc from 'fast-check';
import { expect, it } from 'vitest';
import { Outcome } from '../outcome';
import { Columns } from './columns';
import { latencies } from './latency';

const calls = fc.array(fc.record({ startUs: fc.nat(1_000_000), tookUs: fc.nat(200_000), isOpen: fc.boolean() }), { maxLength: 60 });

it('gives the nearest rank of the calls that ended in each part', () => {
  fc.assert(
    fc.property(calls, fc.integer({ min: 1, max: 20 }), fc.nat(500_000), (all, parts, fromUs) => {
      const columns = new Columns(1000, 1);
      let seq = 0;
      const push = (timeUs: number, outcome: number, call: number): void => {
        columns.push({ seq, timeUs, type: 0, source: 1, target: 2, session: 0, outcome, bytes: 0, call }, null);
      };
      for (const { startUs, tookUs, isOpen } of all) {
        seq += 1;
        push(startUs, Outcome.None, seq);
        if (isOpen) continue;
        seq += 1;
        push(startUs + tookUs, Outcome.Ok, seq - 1);
      }
      const toUs = fromUs + 600_000;
      const width = 600_000 / parts;
      const found = latencies(columns, fromUs, toUs, parts);
      for (let part = 0; part < parts; part += 1) {
        const ended = all
          .filter(({ isOpen, startUs, tookUs }) => !isOpen && startUs + tookUs >= fromUs && startUs + tookUs <= toUs && Math.min(parts - 1, Math.floor((startUs + tookUs - fromUs) / width)) === part)
          .map(({ tookUs }) => tookUs / 1000)
          .sort((a, b) => a - b);
        const rank = (share: number): number => (ended.length === 0 ? Number.NaN : (ended[Math.max(0, Math.ceil(share * ended.length) - 1)] ?? Number.NaN));
        expect([found.p50[part], found.p95[part], found.p99[part]]).toEqual([rank(0.5), rank(0.95), rank(0.99)]);
        expect(found.timesUs[part]).toBeCloseTo(fromUs + part * width, 3);
      }
    }),
  );
});
