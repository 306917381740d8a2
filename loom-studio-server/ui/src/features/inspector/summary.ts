import { chatOf } from '../../shared/ui/chat';

export type SummaryName = 'error' | 'thought' | 'task' | 'messages' | 'prompt' | 'answer' | 'content' | 'arguments' | 'result';

/** A part of a payload that people look for first. */
export interface SummaryPart {
  name: SummaryName;
  value: unknown;
}

export interface Summary {
  /** Short words: the model, the tool, why it ended. */
  facts: { name: 'model' | 'tool' | 'finish'; text: string }[];
  parts: SummaryPart[];
}

type FreeObject = Readonly<Record<string, unknown>>;

function objectOf(value: unknown): FreeObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as FreeObject) : {};
}

function isEmpty(value: unknown): boolean {
  if (value == null || value === '') return true;
  return typeof value === 'object' && Object.keys(value).length === 0;
}

/** The first of these members that says anything. */
function firstOf(object: FreeObject, ...names: string[]): unknown {
  return names.map((name) => object[name]).find((value) => !isEmpty(value));
}

const ANSWERS = ['response', 'final_output', 'output', 'answer', 'text', 'content'];

/** What a payload says, in the order in which people ask: what went wrong, what was thought, asked and answered. */
export function summaryOf(event: FreeObject): Summary {
  const data = objectOf(event['data']);
  const result = data['result'];
  const parts: SummaryPart[] = [];
  const facts: Summary['facts'] = [];
  const add = (name: SummaryName, value: unknown): void => {
    if (!isEmpty(value)) parts.push({ name, value });
  };
  const fact = (name: Summary['facts'][number]['name'], value: unknown): void => {
    if (typeof value === 'string' && value !== '') facts.push({ name, text: value });
  };
  fact('model', firstOf(data, 'model', 'model_name'));
  fact('tool', firstOf(data, 'tool', 'tool_name'));
  fact('finish', firstOf(data, 'finish_reason', 'stop_reason'));
  add('error', firstOf(data, 'error', 'exception') ?? objectOf(result)['error']);
  add('thought', firstOf(data, 'thought', 'reasoning'));
  add('task', data['task']);
  const messages = firstOf(data, 'messages', 'conversation');
  if (chatOf(messages) !== null) add('messages', messages);
  if (typeof data['prompt'] === 'string' || chatOf(data['prompt']) !== null) add('prompt', data['prompt']);
  if (typeof data['content'] === 'string' || chatOf(data['content']) !== null) add('content', data['content']);
  else if (typeof data['response'] === 'string') add('answer', data['response']);
  add('arguments', firstOf(data, 'arguments', 'args', 'tool_args'));
  const answer = firstOf(objectOf(result), ...ANSWERS);
  if (typeof answer === 'string') add('answer', answer);
  else if (isEmpty(objectOf(result)['error'])) add('result', result);
  return { facts, parts };
}
