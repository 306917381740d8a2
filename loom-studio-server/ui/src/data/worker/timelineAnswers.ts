import type { Answer, ToWorker } from '../messages';
import type { Columns } from './columns';
import { latencies } from './latency';
import { extent, nearest, timeline, timesOf } from './timeline';

export type TimelineQuestion = Extract<ToWorker, { type: 'extent' | 'timeline' | 'times' | 'nearest' | 'latencies' }>;

export function isTimelineQuestion(message: ToWorker): message is TimelineQuestion {
  return message.type === 'extent' || message.type === 'timeline' || message.type === 'times' || message.type === 'nearest' || message.type === 'latencies';
}

/** The answer to a question of the timeline, and the memory that goes with it. */
export function answerTimeline(columns: Columns, question: TimelineQuestion): { message: Answer; transfer: ArrayBuffer[] } {
  const { strings } = columns;
  const { id } = question;
  switch (question.type) {
    case 'extent': {
      const { lanes, firstError, ...rest } = extent(columns);
      const message: Answer = {
        type: 'extent',
        id,
        ...rest,
        lanes: lanes.map(({ node, events, errors, calls }) => ({ node: strings.get(node), events, errors, calls })),
        firstError: firstError === null ? null : { ...firstError, node: strings.get(firstError.node) },
      };
      return { message, transfer: [] };
    }
    case 'timeline': {
      const { pieces, width, marksAtMost } = question;
      // A node that this page holds nothing of has an empty lane.
      const lanes = question.lanes.map((node) => strings.find(node) ?? 0);
      const drawn = timeline(columns, { pieces, width, lanes, marksAtMost });
      const { events, errors, busy, marks, bars } = drawn;
      const arrays = [events, errors, busy, ...Object.values(marks ?? {}), ...Object.values(bars ?? {})];
      return { message: { type: 'timeline', id, ...drawn }, transfer: arrays.map(({ buffer }) => buffer) };
    }
    case 'times': {
      const times = timesOf(columns, question.seqs);
      return { message: { type: 'times', id, times }, transfer: [times.buffer] };
    }
    case 'latencies': {
      const { fromUs, toUs } = extent(columns);
      const found = latencies(columns, fromUs, toUs, question.parts);
      return { message: { type: 'latencies', id, ...found }, transfer: Object.values(found).map(({ buffer }) => buffer as ArrayBuffer) };
    }
    case 'nearest':
      return { message: { type: 'nearest', id, found: nearest(columns, question.timeUs) }, transfer: [] };
  }
}
