import { describe, expect, it } from 'vitest';
import { summaryOf } from './summary';

const partsOf = (data: unknown): [string, unknown][] => summaryOf({ data }).parts.map(({ name, value }) => [name, value]);

describe('summaryOf', () => {
  it.each<[string, unknown, [string, unknown][]]>([
    ['a thought', { thought: 'hm', iteration: 1 }, [['thought', 'hm']]],
    ['an error', { error: 'down' }, [['error', 'down']]],
    ['a failed result, once', { result: { error: 'down' } }, [['error', 'down']]],
    ['a request to a model', { model: 'm', messages: [{ role: 'user', content: 'hi' }] }, [['messages', [{ role: 'user', content: 'hi' }]]]],
    ['messages that are none', { messages: [1, 2] }, []],
    ['a tool’s arguments', { tool: 't', arguments: { q: 1 } }, [['arguments', { q: 1 }]]],
    ['an answer', { result: { response: 'done', iterations: 1 } }, [['answer', 'done']]],
    ['another result', { result: { hits: [1] } }, [['result', { hits: [1] }]]],
    ['nothing', {}, []],
    ['no object', 'text', []],
  ])('%s', (_name, data, parts) => {
    expect(partsOf(data)).toEqual(parts);
  });

  it('names model, tool and why it ended', () => {
    expect(summaryOf({ data: { model: 'm', tool_name: 't', finish_reason: 'stop' } }).facts.map(({ text }) => text)).toEqual(['m', 't', 'stop']);
  });
});
