/** The messages of a chat, as they stand in the body of a request. */
import type { ChatMessage } from '../llm/tokenizer/chat-template.ts';
import { refused } from './api-error.ts';
import { isMissing, isObject, type Json, missing, quoted, textOf } from './text.ts';

/** The roles that are served, and what they are to the model. `developer` is OpenAI's newer name for `system`. */
const ROLES = new Map<unknown, ChatMessage['role']>([
  ['system', 'system'],
  ['developer', 'system'],
  ['user', 'user'],
  ['assistant', 'assistant'],
]);

/** Throws an {@link ApiError} that names the message and the field that is wrong. */
export function chatMessages(value: unknown): ChatMessage[] {
  if (!Array.isArray(value)) throw refused('messages', "'messages' is a list.");
  if (value.length === 0) throw refused('messages', 'There are no messages.');
  return value.map((message, at) => messageOf(message, `messages[${at}]`));
}

function messageOf(message: unknown, param: string): ChatMessage {
  if (!isObject(message)) throw refused(param, `'${param}' is an object with 'role' and 'content'.`);
  const { role, content, ...others } = message;
  if (isMissing(role)) throw missing(`${param}.role`);
  if (role === 'tool' || role === 'function')
    throw refused(`${param}.role`, 'Messages of tools are not served.', 'unsupported_parameter');
  const known = ROLES.get(role);
  if (known === undefined) {
    const roles = [...ROLES.keys()].join(', ');
    throw refused(`${param}.role`, `There is no role ${quoted(role)}; there are ${roles}.`);
  }
  noneHolds(others, param, 'message');
  return { role: known, content: contentOf(content, `${param}.content`) };
}

/** An answer is often handed back as it came, with fields that hold nothing. */
function noneHolds(others: Json, param: string, of: 'message' | 'part'): void {
  const filled = Object.entries(others).find(([, value]) => !holdsNothing(value));
  if (filled === undefined) return;
  const [name] = filled;
  const what = `${quoted(name)} of a ${of} is not served.`;
  throw refused(`${param}.${name.slice(0, 100)}`, what, 'unsupported_parameter');
}

function holdsNothing(value: unknown): boolean {
  return value === null || (Array.isArray(value) && value.length === 0);
}

function contentOf(content: unknown, param: string): string {
  if (!Array.isArray(content)) return textOf(content, param);
  return content.map((part, at) => partOf(part, `${param}[${at}]`)).join('\n');
}

function partOf(part: unknown, param: string): string {
  if (!isObject(part)) throw refused(param, `'${param}' is an object with 'type' and 'text'.`);
  const { type, text, ...others } = part;
  if (type !== 'text') {
    const what = `Parts of type ${quoted(type)} are not served; only 'text' is.`;
    throw refused(`${param}.type`, what, 'unsupported_parameter');
  }
  noneHolds(others, param, 'part');
  return textOf(text, `${param}.text`);
}
