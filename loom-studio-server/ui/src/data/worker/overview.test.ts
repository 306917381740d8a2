import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Outcome } from '../outcome';
import { Columns } from './columns';
import { neighbour, overview } from './overview';

/** Rows with rising seqs; each is an event, an error or a gap. */
const logs = fc
  .array(fc.record({ step: fc.integer({ min: 1, max: 5 }), kind: fc.constantFrom('ok', 'error', 'gap') }), { maxLength: 60 })
  .map((items) => {
    let seq = 0;
    return items.map(({ step, kind }) => {
      seq += step;
      return { seq, kind };
    });
  });

function columnsOf(log: { seq: number; kind: string }[], capacity: number): Columns {
  const columns = new Columns(capacity);
  for (const { seq, kind } of log) {
    if (kind === 'gap') columns.pushGap(seq, seq, 'lagging');
    else columns.push({ seq, timeUs: seq * 10, type: 0, source: 0, target: 0, session: 0, outcome: kind === 'error' ? Outcome.Error : 0, bytes: 0, call: 0 }, null);
  }
  return columns;
}

describe('overview', () => {
  it('counts each event held in the part it lies in', () => {
    fc.assert(
      fc.property(logs, fc.nat(20), fc.integer({ min: 1, max: 200 }), fc.integer({ min: 1, max: 30 }), (log, from, length, parts) => {
        const to = from + length - 1;
        const held = log.slice(-40);
        const { events, errors } = overview(columnsOf(log, 40), from, to, parts);
        const inPart = (part: number, wanted: (kind: string) => boolean): number =>
          held.filter(({ seq, kind }) => seq >= from && seq <= to && wanted(kind) && Math.min(parts - 1, Math.floor((seq - from) / (length / parts))) === part).length;
        for (let part = 0; part < parts; part += 1) {
          expect(events[part]).toBe(inPart(part, (kind) => kind !== 'gap'));
          expect(errors[part]).toBe(inPart(part, (kind) => kind === 'error'));
        }
      }),
    );
  });
});

describe('neighbour', () => {
  it('is the next event held in that direction, and nothing across a gap or an end', () => {
    fc.assert(
      fc.property(logs, fc.nat(320), fc.constantFrom(1 as const, -1 as const), (log, seq, delta) => {
        const held = log.slice(-40);
        const next = delta > 0 ? held.find((row) => row.seq > seq) : held.findLast((row) => row.seq < seq);
        const expected = next === undefined || next.kind === 'gap' ? null : { seq: next.seq, timeUs: next.seq * 10 };
        expect(neighbour(columnsOf(log, 40), seq, delta)).toEqual(expected);
      }),
    );
  });
});
