/** The body of a request that generates, checked: what is asked of the engine, and how it is answered. */
import { type GenerateOptions, RANGES, wrongOption } from '../llm/engine/options.ts';
import type { ChatMessage } from '../llm/tokenizer/chat-template.ts';
import { refused } from './api-error.ts';
import { chatMessages } from './chat-messages.ts';
import {
  type Endpoint,
  NAME_LENGTH_MAX,
  type Parameter,
  PRIORITY_RANGE,
  parametersOf,
} from './parameters.ts';
import { isMissing, isObject, type Json, missing, quoted, textOf } from './text.ts';

/** Tokens of a completion unless told, as OpenAI has it. */
const COMPLETION_TOKENS = 16;

export interface GenerateRequest {
  readonly model: string;
  /** What is answered, and the parameter that it came in. */
  readonly prompt: Prompt;
  readonly options: GenerateOptions;
  readonly stream: boolean;
  readonly includeUsage: boolean;
}

export type Prompt =
  | { readonly param: 'messages'; readonly messages: readonly ChatMessage[] }
  | { readonly param: 'prompt'; readonly text: string }
  | { readonly param: 'prompt'; readonly tokens: Uint32Array };

const TABLES = { chat: parametersOf('chat'), completions: parametersOf('completions') };

/** Throws an {@link ApiError} of status 400 that names the parameter that is wrong. O(the body). */
export function generateRequest(body: Json, endpoint: Endpoint, vocabulary: number): GenerateRequest {
  const given = presentParameters(body, endpoint);
  const model = required(given, 'model', (value) => textOf(value, 'model', NAME_LENGTH_MAX));
  const prompt: Prompt =
    endpoint === 'chat'
      ? { param: 'messages', messages: required(given, 'messages', chatMessages) }
      : required(given, 'prompt', (value) => promptOf(value, vocabulary));
  const stream = flag(given, 'stream') ?? false;
  const includeUsage = usageWanted(given.get('stream_options'), stream);
  const options = { ...plainOptions(given, endpoint), ...otherOptions(given, endpoint) };
  checkRanges(options, given, endpoint, vocabulary);
  return { model, prompt, options, stream, includeUsage };
}

/** What is given and not null. Refuses what is not served, and what nobody knows. */
function presentParameters(body: Json, endpoint: Endpoint): Map<string, unknown> {
  const given = new Map<string, unknown>();
  for (const [name, value] of Object.entries(body)) {
    const parameter = TABLES[endpoint].get(name);
    if (parameter === undefined) {
      throw refused(name.slice(0, 100), `There is no parameter ${quoted(name)}.`, 'unknown_parameter');
    }
    if (isMissing(value)) continue;
    if (parameter.fate === 'refused' && !parameter.harmless?.(value)) throw notServed(parameter);
    if (parameter.fate === 'served') given.set(name, value);
  }
  return given;
}

function notServed({ name, takes }: Parameter) {
  return refused(name, `'${name}' is not served; it takes ${takes}.`, 'unsupported_parameter');
}

function required<T>(given: Map<string, unknown>, name: string, read: (value: unknown) => T): T {
  const value = given.get(name);
  if (isMissing(value)) throw missing(name);
  return read(value);
}

function flag(given: Map<string, unknown>, name: string): boolean | undefined {
  const value = given.get(name);
  if (value === undefined || typeof value === 'boolean') return value;
  throw refused(name, `'${name}' is true or false.`);
}

/** A text or tokens; `param` is where they stand. */
export function promptOf(value: unknown, vocabulary: number, param = 'prompt'): Prompt {
  const one = Array.isArray(value) && typeof value[0] !== 'number' ? onlyPrompt(value) : value;
  if (!Array.isArray(one)) {
    const text = textOf(one, param);
    if (text === '') throw refused(param, `'${param}' is empty.`);
    return { param: 'prompt', text };
  }
  if (one.length === 0) throw refused(param, `'${param}' is empty.`);
  const wrong = one.findIndex((token) => !(Number.isInteger(token) && token >= 0 && token < vocabulary));
  if (wrong >= 0)
    throw refused(param, `The token at position ${wrong} is no whole number from 0 to ${vocabulary - 1}.`);
  return { param: 'prompt', tokens: Uint32Array.from(one) };
}

function onlyPrompt(prompts: readonly unknown[]): unknown {
  if (prompts.length <= 1) return prompts[0] ?? '';
  throw refused('prompt', `${prompts.length} prompts were given; one request has one prompt.`);
}

function usageWanted(value: unknown, stream: boolean): boolean {
  if (value === undefined) return false;
  if (!isObject(value)) throw refused('stream_options', "'stream_options' is an object.");
  if (!stream) throw refused('stream_options', "'stream_options' goes with 'stream' only.");
  const { include_usage: usage = false, include_obfuscation: obfuscation = false, ...others } = value;
  const [unknown] = Object.keys(others);
  if (unknown !== undefined || obfuscation !== false) {
    const name = unknown ?? 'include_obfuscation';
    throw refused(
      `stream_options.${name.slice(0, 100)}`,
      `'stream_options' takes 'include_usage' only.`,
      'unknown_parameter',
    );
  }
  if (typeof usage === 'boolean') return usage;
  throw refused('stream_options.include_usage', "'include_usage' is true or false.");
}

/** Parameters that are options of the engine under another name. Their ranges are checked afterwards, all together. */
function plainOptions(given: Map<string, unknown>, endpoint: Endpoint): GenerateOptions {
  const options: [string, unknown][] = [];
  for (const [name, value] of given) {
    const option = TABLES[endpoint].get(name)?.option;
    if (option === 'ignoreEos') options.push([option, flag(given, name)]);
    else if (option !== undefined && option in RANGES) options.push([option, numberOf(value, name)]);
    else if (option !== undefined) options.push([option, value]);
  }
  const { max_tokens: most, max_completion_tokens: completion } = Object.fromEntries(given);
  if (most !== undefined && completion !== undefined && most !== completion)
    throw refused('max_tokens', "'max_tokens' and 'max_completion_tokens' are the same, and differ.");
  if (options.some(([option]) => option === 'logitBias') && !isObject(given.get('logit_bias')))
    throw refused('logit_bias', "'logit_bias' is an object.");
  if (given.has('cache_salt')) textOf(given.get('cache_salt'), 'cache_salt');
  return Object.fromEntries(options);
}

function numberOf(value: unknown, name: string): number {
  // What vLLM also has for all tokens.
  if (name === 'top_k' && value === -1) return 0;
  if (typeof value === 'number') return value;
  throw refused(name, `'${name}' is a number.`);
}

/** Parameters that are not simply options of the engine. */
function otherOptions(given: Map<string, unknown>, endpoint: Endpoint): GenerateOptions {
  const priority = given.get('priority');
  return {
    ...(endpoint === 'completions' && !given.has('max_tokens') ? { maxTokens: COMPLETION_TOKENS } : {}),
    ...(given.has('stop') ? { stop: stopsOf(given.get('stop')) } : {}),
    ...(priority === undefined ? {} : { priority: priorityOf(priority) }),
    ...(endpoint === 'chat' ? chatLogprobs(given) : {}),
  };
}

function stopsOf(value: unknown): readonly string[] {
  const stops = Array.isArray(value) ? value : [value];
  return stops.map((stop, at) => textOf(stop, Array.isArray(value) ? `stop[${at}]` : 'stop'));
}

function priorityOf(value: unknown): number {
  const { from, to } = PRIORITY_RANGE;
  if (typeof value === 'number' && Number.isInteger(value) && value >= from && value <= to) return 0 - value;
  throw refused('priority', `'priority' is a whole number from ${from} to ${to}.`);
}

function chatLogprobs(given: Map<string, unknown>): GenerateOptions {
  const wanted = flag(given, 'logprobs') ?? false;
  const top = given.get('top_logprobs');
  if (top !== undefined && !wanted)
    throw refused('top_logprobs', "'top_logprobs' goes with 'logprobs' only.");
  return wanted ? { logprobs: (top as number | undefined) ?? RANGES.logprobs.from } : {};
}

function checkRanges(
  options: GenerateOptions,
  given: Map<string, unknown>,
  endpoint: Endpoint,
  vocabulary: number,
): void {
  const wrong = wrongOption(options, vocabulary);
  if (wrong === undefined) return;
  const name = [...given.keys()].find((name) => TABLES[endpoint].get(name)?.option === wrong.option);
  const param = name ?? wrong.option;
  throw refused(param, `'${param}' is not possible: ${wrong.what}.`);
}
