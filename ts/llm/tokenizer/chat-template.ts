/**
 * Messages to tokens, by the Jinja template in the model file. Control tokens come from the template only. Rendering is
 * bounded: in the size of the template, in time, in the length of ranges, and in the length of the result. A template has no
 * clock (`strftime_now`): the same messages always give the same tokens.
 */
import { createContext, Script } from 'node:vm';
import { Environment, Interpreter, Template } from '@huggingface/jinja';
import { HeadraceError } from '../../errors.ts';
import { unsupported } from '../gguf/damaged.ts';
import type { Gguf } from '../gguf/gguf.ts';
import type { Tokenizer } from './tokenizer.ts';
import { UserText } from './user-text.ts';

export const TEMPLATE_LENGTH_MAX = 256 * 1024;
export const RENDERED_LENGTH_MAX = 16 * 1024 * 1024;
export const RENDER_MS_MAX = 2_000;
export const RANGE_MAX = 10_000;

/** Who says something in a chat. */
export type Role = 'system' | 'user' | 'assistant' | 'tool';
const ROLES: readonly string[] = ['system', 'user', 'assistant', 'tool'] satisfies Role[];

export interface ChatMessage {
  readonly role: Role;
  readonly content: string;
}

export class ChatTemplate {
  readonly #template: Template;
  readonly #tokenizer: Tokenizer;
  readonly #globals: Record<string, unknown>;

  /** Undefined where the file has no template. */
  static of(gguf: Gguf, tokenizer: Tokenizer): ChatTemplate | undefined {
    const text = gguf.metadata.text('tokenizer.chat_template', undefined);
    if (text === undefined) return undefined;
    if (text.length > TEMPLATE_LENGTH_MAX) {
      throw unsupported(gguf.source, `its chat template has more than ${TEMPLATE_LENGTH_MAX} letters`);
    }
    return new ChatTemplate(text, tokenizer);
  }

  constructor(text: string, tokenizer: Tokenizer) {
    this.#template = bounded(() => new Template(text));
    this.#tokenizer = tokenizer;
    const { controls, bos, eos } = tokenizer.vocabulary;
    const name = (id: number | undefined) => [...controls].find(([, control]) => control === id)?.[0] ?? '';
    this.#globals = { ...GLOBALS, bos_token: name(bos), eos_token: name(eos) };
  }

  /** The tokens of a chat, up to where the assistant's next answer begins. */
  encode(messages: readonly ChatMessage[]): number[] {
    for (const { role } of messages) {
      if (!ROLES.includes(role)) throw new HeadraceError('HR_OPTION_INVALID', `There is no role '${role}'.`);
    }
    const words = new UserText(
      this.#tokenizer.vocabulary.controls,
      messages.map(({ content }) => content),
    );
    const guarded = messages.map(({ role, content }) => ({ role, content: words.guard(content) }));
    const rendered = bounded(() =>
      render(this.#template, { ...this.#globals, messages: guarded, add_generation_prompt: true }),
    );
    if (rendered.length > RENDERED_LENGTH_MAX) {
      throw failed(`It made more than ${RENDERED_LENGTH_MAX} letters`);
    }
    return words
      .pieces(rendered)
      .flatMap((piece) => (typeof piece === 'number' ? [piece] : this.#tokenizer.encode(piece)));
  }
}

/** What every template can name. */
const GLOBALS = {
  ...{ true: true, false: false, none: null, True: true, False: false, None: null },
  range,
  raise_exception: (message: string) => {
    throw new Error(message);
  },
};

function render(template: Template, variables: Record<string, unknown>): string {
  // Not `template.render`, which has a `range` without a limit.
  const environment = new Environment();
  for (const [name, value] of Object.entries(variables)) environment.set(name, value as never);
  return new Interpreter(environment).run(template.parsed).value as string;
}

/** The `range` of Python, for lists that a chat may need. */
function range(start: number, stop?: number, step = 1): number[] {
  const [from, to] = typeof stop === 'number' ? [start, stop] : [0, start];
  const length = Math.max(0, Math.ceil((to - from) / step));
  if (!(length <= RANGE_MAX)) throw new Error(`range() is longer than ${RANGE_MAX}`);
  return Array.from({ length }, (_, index) => from + index * step);
}

// Code that V8 was told to run for a limited time ends after it, also in functions that it calls.
const watchdog = createContext({ work: () => {} });
const call = new Script('work()');

function bounded<T>(work: () => T): T {
  let result: { value: T } | undefined;
  watchdog.work = () => {
    result = { value: work() };
  };
  try {
    call.runInContext(watchdog, { timeout: RENDER_MS_MAX });
  } catch (cause) {
    const late = (cause as NodeJS.ErrnoException).code === 'ERR_SCRIPT_EXECUTION_TIMEOUT';
    throw failed(late ? `It took more than ${RENDER_MS_MAX} ms` : (cause as Error).message, cause);
  } finally {
    watchdog.work = () => {};
  }
  return (result as { value: T }).value;
}

function failed(why: string, cause?: unknown): HeadraceError {
  return new HeadraceError(
    'HR_CHAT_TEMPLATE',
    `The chat template of the model failed: ${why.replace(/\.$/, '')}.`,
    {
      cause,
    },
  );
}
