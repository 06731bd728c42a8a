/**
 * The parameters of requests as data: requests are checked by it, and the table in the documentation is made of it. Ranges are
 * those of the engine.
 */
import {
  BIAS_RANGE,
  BIASES_MAX,
  type GenerateOptions,
  RANGES,
  SALT_LENGTH_MAX,
  STOP_LENGTH_MAX,
  STOPS_MAX,
} from '../llm/engine/options.ts';
import { isObject } from './text.ts';

/** The endpoints that generate. */
export type Endpoint = 'chat' | 'completions';

/** `served` has its effect; `ignored` is accepted and changes no answer; `refused` is answered with 400. */
export type Fate = 'served' | 'ignored' | 'refused';

export interface Parameter {
  readonly name: string;
  readonly at: readonly Endpoint[];
  readonly fate: Fate;
  /** The option of the engine that it is, if it is one as it stands. */
  readonly option?: keyof GenerateOptions;
  /** What it may be, in words. */
  readonly takes: string;
  readonly note?: string;
  /** Values that ask for nothing, so that a parameter that is refused may have them. */
  readonly harmless?: (value: unknown) => boolean;
}

const BOTH: readonly Endpoint[] = ['chat', 'completions'];
const CHAT: readonly Endpoint[] = ['chat'];
const TEXT: readonly Endpoint[] = ['completions'];

const words = ({ from, to, whole }: { from: number; to: number; whole?: boolean }) =>
  `${whole ? 'whole number' : 'number'}, ${from} to ${to}`;

/** A number that is an option of the engine. */
function number(name: string, option: keyof typeof RANGES, note?: string, at = BOTH): Parameter {
  return { name, at, fate: 'served', option, takes: words(RANGES[option]), ...(note && { note }) };
}

/** Anything else that is served. */
function served(name: string, takes: string, note?: string, at = BOTH, option?: keyof GenerateOptions) {
  return { name, at, fate: 'served' as const, takes, ...(note && { note }), ...(option && { option }) };
}

function ignored(name: string, note: string, at = BOTH): Parameter {
  return { name, at, fate: 'ignored', takes: 'anything', note };
}

/** `only` names the values that are let through. */
function notServed(name: string, at: readonly Endpoint[], only?: string, harmless?: Parameter['harmless']) {
  const takes = only === undefined ? 'nothing' : `only ${only}`;
  return { name, at, fate: 'refused' as const, takes, ...(harmless && { harmless }) };
}

const is = (wanted: unknown) => (value: unknown) => value === wanted;
const empty = (value: unknown) => Array.isArray(value) && value.length === 0;
const onlyText = (value: unknown) => Array.isArray(value) && value.length === 1 && value[0] === 'text';
const typeText = (value: unknown) =>
  isObject(value) && value.type === 'text' && Object.keys(value).length === 1;

/** The longest text of a parameter that is no prompt. */
export const NAME_LENGTH_MAX = 512;

/** vLLM has lower numbers first, and so has the server; the engine has higher ones first. */
export const PRIORITY_RANGE = { from: -RANGES.priority.to, to: RANGES.priority.to, whole: true };

export const PARAMETERS: readonly Parameter[] = [
  served('model', `text of at most ${NAME_LENGTH_MAX} letters`, 'The name of the model that is served.'),
  served(
    'messages',
    '1 or more of `{ role, content }`',
    'Roles: `system`, `developer` (the same), `user`, `assistant`. Content: text, or a list of `{ type: "text", text }`, which are joined by line breaks. Other parts and other fields are refused.',
    CHAT,
  ),
  served(
    'prompt',
    'text, a list of tokens, or a list of one text or of one list of tokens',
    'It is not empty.',
    TEXT,
  ),
  number(
    'max_tokens',
    'maxTokens',
    'Unless given: 16 for completions, for chats what the context has room for.',
  ),
  number(
    'max_completion_tokens',
    'maxTokens',
    'The same as `max_tokens`; both only if they are equal.',
    CHAT,
  ),
  number('min_tokens', 'minTokens', 'At most `max_tokens`.'),
  served('ignore_eos', 'true, false', 'Whether end-of-text tokens are like others.', BOTH, 'ignoreEos'),
  served(
    'stop',
    `text of 1 to ${STOP_LENGTH_MAX} letters, or a list of at most ${STOPS_MAX}`,
    'The answer ends before it.',
  ),
  served('stream', 'true, false', 'Server-sent events, one for each piece of text.'),
  served('stream_options', '`{ include_usage: true }`', 'With `stream` only.'),
  number('temperature', 'temperature', '0 takes the likeliest token; 1 unless given.'),
  number('top_p', 'topP'),
  number('top_k', 'topK', '0, or -1 as in vLLM, for all tokens.'),
  number('min_p', 'minP'),
  number('repetition_penalty', 'repetitionPenalty'),
  number('presence_penalty', 'presencePenalty'),
  number('frequency_penalty', 'frequencyPenalty'),
  served(
    'logit_bias',
    `an object from tokens to numbers of ${BIAS_RANGE.from} to ${BIAS_RANGE.to}, at most ${BIASES_MAX}`,
    undefined,
    BOTH,
    'logitBias',
  ),
  number(
    'seed',
    'seed',
    'Equal requests with equal seeds have equal answers. Chosen at random unless given.',
  ),
  number('n', 'n', 'Answers to the prompt; at most as many as sequences run at a time (`--max-num-seqs`).'),
  served(
    'logprobs',
    'true, false',
    'The logarithms of probabilities, before penalties, biases and temperature. The end-of-text token has no entry.',
    CHAT,
  ),
  number('top_logprobs', 'logprobs', 'With `logprobs` only.', CHAT),
  number('logprobs', 'logprobs', 'As for chats, with so many of the likeliest tokens.', TEXT),
  served(
    'cache_salt',
    `text of at most ${SALT_LENGTH_MAX} letters`,
    'Requests share cached prefixes only with those of the same salt (and of the same API key, if there are several).',
    BOTH,
    'cacheSalt',
  ),
  served(
    'priority',
    words(PRIORITY_RANGE),
    'Lower is earlier, as in vLLM, under the policy `priority` (`--scheduling-policy`). Who comes interrupts nobody who runs, and who is last waits as long as others come.',
  ),
  ignored('user', 'Nothing is kept about users.'),
  ignored('metadata', 'Nothing is stored.'),
  ignored('store', 'Nothing is stored.'),
  ignored('service_tier', 'There is one.'),
  ignored('safety_identifier', 'Nothing is kept about users.'),
  ignored(
    'prompt_cache_key',
    'Every prompt is looked up in the prefix cache; `cache_salt` keeps requests apart.',
  ),
  ignored('prompt_cache_retention', 'Prefixes stay as long as there is room.'),
  ignored('prediction', 'It would change the speed, not the answer.', CHAT),
  ignored('parallel_tool_calls', 'There are no tools.', CHAT),
  notServed('tools', CHAT, '`[]`', empty),
  notServed('tool_choice', CHAT, '`"none"`', is('none')),
  notServed('functions', CHAT, '`[]`', empty),
  notServed('function_call', CHAT, '`"none"`', is('none')),
  notServed('response_format', BOTH, '`{ "type": "text" }`', typeText),
  notServed('modalities', CHAT, '`["text"]`', onlyText),
  notServed('audio', CHAT),
  notServed('web_search_options', CHAT),
  notServed('reasoning_effort', CHAT),
  notServed('verbosity', CHAT),
  notServed('best_of', TEXT, '1', is(1)),
  notServed('echo', TEXT, 'false', is(false)),
  notServed('suffix', TEXT, '`""`', is('')),
  notServed('use_beam_search', BOTH, 'false', is(false)),
  notServed('length_penalty', BOTH, '1', is(1)),
  notServed('stop_token_ids', BOTH, '`[]`', empty),
  notServed('include_stop_str_in_output', BOTH, 'false', is(false)),
  notServed('skip_special_tokens', BOTH, 'true', is(true)),
  notServed('prompt_logprobs', BOTH),
  notServed('truncate_prompt_tokens', BOTH),
  notServed('structured_outputs', BOTH),
  notServed('chat_template', CHAT),
  notServed('add_generation_prompt', CHAT, 'true', is(true)),
];

/** The parameters of an endpoint, by name. */
export function parametersOf(endpoint: Endpoint): ReadonlyMap<string, Parameter> {
  const there = PARAMETERS.filter(({ at }) => at.includes(endpoint));
  return new Map(there.map((parameter) => [parameter.name, parameter]));
}

/** The table of all parameters, in Markdown. */
export function parameterTable(): string {
  const rows = PARAMETERS.map(({ name, at, fate, takes, note = '' }) => {
    const where = at.length === 2 ? 'both' : at[0] === 'chat' ? 'chat' : 'completions';
    return `| \`${name}\` | ${where} | ${fate} | ${takes} | ${note} |`;
  });
  return ['| parameter | endpoint | | takes | |', '|---|---|---|---|---|', ...rows].join('\n');
}
