/** The messages of a chat, as they stand in the body of a request. */
import type { ChatMessage } from '../llm/tokenizer/chat-template.ts';
import { refused } from './api-error.ts';
import { isObject, quoted, textOf } from './text.ts';

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
  if (role === 'tool' || role === 'function')
    throw refused(`${param}.role`, 'Messages of tools are not served.', 'unsupported_parameter');
  const known = ROLES.get(role);
  if (known === undefined) {
    const roles = [...ROLES.keys()].join(', ');
    throw refused(`${param}.role`, `There is no role ${quoted(role)}; there are ${roles}.`);
  }
  // An answer is often handed back as it came, with fields that hold nothing.
  const filled = Object.entries(others).find(([, value]) => !holdsNothing(value));
  if (filled !== undefined) {
    const [name] = filled;
    throw refused(
      `${param}.${name.slice(0, 100)}`,
      `${quoted(name)} of a message is not served.`,
      'unsupported_parameter',
    );
  }
  return { role: known, content: contentOf(content, `${param}.content`) };
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
  if (part.type === 'text') return textOf(part.text, `${param}.text`);
  throw refused(
    `${param}.type`,
    `Parts of type ${quoted(part.type)} are not served; only 'text' is.`,
    'unsupported_parameter',
  );
}
