import { ExactNumber } from '../lib/exactJson';

/** A piece of a message: text, or something else by what it says it is. */
export type ChatPart = { kind: 'text'; text: string } | { kind: 'other'; name: string; value: unknown };

export interface ChatMessage {
  role: string;
  name: string | null;
  parts: ChatPart[];
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof ExactNumber);
}

function partOf(value: unknown): ChatPart {
  if (typeof value === 'string') return { kind: 'text', text: value };
  if (isObject(value) && typeof value['text'] === 'string') return { kind: 'text', text: value['text'] };
  return { kind: 'other', name: isObject(value) && typeof value['type'] === 'string' ? value['type'] : '', value };
}

function messageOf(value: unknown): ChatMessage | null {
  if (!isObject(value) || typeof value['role'] !== 'string' || !('content' in value || 'tool_calls' in value || 'parts' in value)) return null;
  const content = value['content'] ?? value['parts'] ?? null;
  const parts = content === null ? [] : Array.isArray(content) ? content.map(partOf) : [partOf(content)];
  for (const name of ['tool_calls', 'function_call'] as const) if (value[name] != null) parts.push({ kind: 'other', name, value: value[name] });
  return { role: value['role'], name: typeof value['name'] === 'string' ? value['name'] : null, parts };
}

/** The messages of a conversation, or `null` for a value that isn't one: an array, not empty, of objects with a role and content. */
export function chatOf(value: unknown): ChatMessage[] | null {
  if (!Array.isArray(value) || value.length === 0) return null;
  const messages: ChatMessage[] = [];
  for (const item of value) {
    const message = messageOf(item);
    if (message === null) return null;
    messages.push(message);
  }
  return messages;
}
