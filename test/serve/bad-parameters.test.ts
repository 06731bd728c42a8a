/** Parameters that cannot be: each is refused by name, as the table of parameters says. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  BIASES_MAX,
  RANGES,
  SALT_LENGTH_MAX,
  STOP_LENGTH_MAX,
  STOPS_MAX,
} from '../../ts/llm/engine/options.ts';
import { type Endpoint, NAME_LENGTH_MAX, type Parameter, parametersOf } from '../../ts/serve/parameters.ts';
import { PATHS, type Refusals, refusals, SOUND } from './refusals.ts';

let on: Refusals;
beforeAll(async () => {
  on = await refusals();
});
afterAll(() => on.close());

/** What kind of JSON each parameter that is served takes. */
type Kind = 'boolean' | 'number' | 'text' | 'list' | 'object';
const KINDS: Record<Endpoint, Record<string, readonly Kind[]>> = {
  chat: {
    messages: ['list'],
    max_completion_tokens: ['number'],
    logprobs: ['boolean'],
    top_logprobs: ['number'],
  },
  completions: { prompt: ['text', 'list'], logprobs: ['number'] },
};
const COMMON: Record<string, readonly Kind[]> = {
  ...{ model: ['text'], stop: ['text', 'list'], cache_salt: ['text'], logit_bias: ['object'] },
  ...{ stream: ['boolean'], stream_options: ['object'], ignore_eos: ['boolean'], seed: ['number'] },
  ...{ max_tokens: ['number'], min_tokens: ['number'], n: ['number'], priority: ['number'] },
  ...{ temperature: ['number'], top_p: ['number'], top_k: ['number'], min_p: ['number'] },
  ...{ repetition_penalty: ['number'], presence_penalty: ['number'], frequency_penalty: ['number'] },
};
const VALUES: readonly [kind: Kind, value: unknown][] = [
  ['boolean', true],
  ['boolean', false],
  ['number', 1],
  ['text', '1'],
  ['text', ''],
  ['text', 'true'],
  ['list', [true]],
  ['list', [{}]],
  ['object', {}],
  ['object', { toString: 1, valueOf: 1, length: 1 }],
];
/** What else has to be there for a parameter to be looked at. */
const COMPANIONS: Record<string, object> = {
  max_completion_tokens: { max_tokens: null },

  top_logprobs: { logprobs: true },
  stream_options: { stream: true },
};

const of = (endpoint: Endpoint, fate: Parameter['fate']) =>
  [...parametersOf(endpoint).values()].filter((parameter) => parameter.fate === fate);

describe.each(['chat', 'completions'] as const)('parameters of %s', (endpoint) => {
  const kinds = { ...COMMON, ...KINDS[endpoint] };

  test('that are served each have a type here', () => {
    expect(Object.keys(kinds).sort()).toEqual(
      of(endpoint, 'served')
        .map(({ name }) => name)
        .sort(),
    );
  });

  test('are refused by name where they have another type', async () => {
    for (const [name, takes] of Object.entries(kinds)) {
      for (const [kind, value] of VALUES) {
        if (takes.includes(kind)) continue;
        const status = name === 'model' && kind === 'text' ? 404 : 400;
        await on.refused(endpoint, { ...COMPANIONS[name], [name]: value }, { status, param: name });
      }
    }
  });

  test('are refused by name outside of their range, and served at its ends', async () => {
    let tried = 0;
    for (const { name, option } of of(endpoint, 'served')) {
      const range = RANGES[option as keyof typeof RANGES] as
        | { from: number; to: number; whole?: boolean }
        | undefined;
      if (range === undefined) continue;
      tried++;
      const { from, to, whole } = range;
      // vLLM has it for all tokens.
      if (name === 'top_k') await on.served(endpoint, { top_k: -1 });
      const outside = [
        name === 'top_k' ? -2 : from - 1,
        to + 1,
        1e300,
        -1e300,
        ...(whole ? [1.5] : [from - 1e-9, to + 1e-9]),
      ];
      const beyond = outside.filter((value) => value < from || value > to || (whole && value % 1 !== 0));
      expect(beyond.length, name).toBeGreaterThan(2);
      for (const value of beyond)
        await on.refused(endpoint, { ...COMPANIONS[name], [name]: value }, { status: 400, param: name });
      // JSON has no infinity, but numbers that become one.
      const text = JSON.stringify({ ...SOUND[endpoint], ...COMPANIONS[name], [name]: 0 });
      for (const number of ['1e999', '-1e999']) {
        const body = text.replace(`"${name}":0`, `"${name}":${number}`);
        await on.expectRefusal(await on.server.post(PATHS[endpoint], body), { status: 400, param: name });
      }
      if (['max_tokens', 'max_completion_tokens', 'min_tokens', 'n'].includes(name)) continue;
      for (const value of [from, to]) await on.served(endpoint, { ...COMPANIONS[name], [name]: value });
    }
    expect(tried).toBeGreaterThan(11);
  });

  test('are refused if nobody knows them', async () => {
    for (const name of [
      'temprature',
      '',
      '__proto__',
      'constructor',
      'toString',
      'x'.repeat(5_000),
      '\ud800',
    ]) {
      const body = JSON.stringify(SOUND[endpoint]).replace('{', `{${JSON.stringify(name)}:1,`);
      const refusal = { status: 400, param: name.slice(0, 100), code: 'unknown_parameter' };
      await on.expectRefusal(await on.server.post(PATHS[endpoint], body), refusal, name);
    }
  });

  test('that are not served are refused, unless they ask for nothing', async () => {
    const nothing = [[], 'none', ['text'], { type: 'text' }, '', 1, true, false];
    const something = [['x'], 'auto', { type: 'json_object' }, 'text', 2, { a: [] }];
    for (const { name, harmless = () => false, takes } of of(endpoint, 'refused')) {
      for (const value of [...nothing, ...something])
        if (!harmless(value))
          await on.refused(
            endpoint,
            { [name]: value },
            { status: 400, param: name, code: 'unsupported_parameter' },
          );
      const harmlessOnes = nothing.filter((value) => harmless(value));
      expect(harmlessOnes.length, name).toBe(takes === 'nothing' ? 0 : 1);
      for (const value of [...harmlessOnes, null]) await on.served(endpoint, { [name]: value });
    }
  });

  test('that are ignored change nothing', async () => {
    const expected = await (await on.server.post(PATHS[endpoint], SOUND[endpoint])).json();
    for (const { name } of of(endpoint, 'ignored')) {
      for (const value of ['x', { a: { b: [1] } }, null, 5]) {
        const body = { ...SOUND[endpoint], [name]: value };
        const answer = await (await on.server.post(PATHS[endpoint], body)).json();
        expect(answer, name).toMatchObject({ choices: (expected as { choices: object[] }).choices });
      }
    }
  });

  test('are refused where they are too many, too long, or do not fit together', async () => {
    const param = 'stop';
    await on.refused(endpoint, { stop: Array(STOPS_MAX + 1).fill('x') }, { status: 400, param });
    await on.refused(endpoint, { stop: 'x'.repeat(STOP_LENGTH_MAX + 1) }, { status: 400, param });
    await on.refused(endpoint, { stop: [''] }, { status: 400, param });
    await on.refused(endpoint, { stop: ['x', 5] }, { status: 400, param: 'stop[1]' });
    await on.served(endpoint, { stop: Array(STOPS_MAX).fill('x'.repeat(STOP_LENGTH_MAX)) });
    const bias = (entries: [string, unknown][]) => ({ logit_bias: Object.fromEntries(entries) });
    const biases = Array.from({ length: 512 }, (_, token) => [String(token), 1] as [string, number]);
    for (const wrong of [
      ['5', 101],
      ['5', -100.5],
      ['5', 'much'],
      ['5', null],
      ['5', [1]],
      ['512', 1],
      ['-1', 1],
      ['1.5', 1],
      ['', 1],
      ['river', 1],
      ['1e2', 1],
      ['99999999999999999999', 1],
    ] as [string, unknown][])
      await on.refused(endpoint, bias([wrong]), { status: 400, param: 'logit_bias' });
    const more = Array.from({ length: BIASES_MAX + 1 }, (_, at) => [`${at}`, 1] as [string, number]);
    await on.refused(endpoint, bias(more), { status: 400, param: 'logit_bias' });
    await on.served(endpoint, bias(biases));
    await on.refused(
      endpoint,
      { cache_salt: 'x'.repeat(SALT_LENGTH_MAX + 1) },
      { status: 400, param: 'cache_salt' },
    );
    await on.refused(endpoint, { model: 'x'.repeat(NAME_LENGTH_MAX + 1) }, { status: 400, param: 'model' });
    await on.refused(endpoint, { min_tokens: 3, max_tokens: 2 }, { status: 400, param: 'min_tokens' });
    await on.refused(endpoint, { n: 33 }, { status: 400, param: 'n' });
    const options = 'stream_options';
    await on.refused(endpoint, { stream_options: {} }, { status: 400, param: options });
    await on.refused(
      endpoint,
      { stream: true, stream_options: { x: 1 } },
      { status: 400, param: `${options}.x` },
    );
    await on.refused(
      endpoint,
      { stream: true, stream_options: { include_usage: 1 } },
      { status: 400, param: `${options}.include_usage` },
    );
  });

  test('are refused with half a surrogate pair, wherever it is', async () => {
    const code = 'invalid_unicode';
    for (const half of ['a\ud83d', '\udc00b', '\udc00\ud800']) {
      await on.refused(endpoint, { stop: half }, { status: 400, param: 'stop', code });
      await on.refused(endpoint, { stop: ['x', half] }, { status: 400, param: 'stop[1]', code });
      await on.refused(endpoint, { model: half }, { status: 400, param: 'model', code });
      await on.refused(endpoint, { cache_salt: half }, { status: 400, param: 'cache_salt', code });
      const message = { role: 'user', content: half };
      const parts = { role: 'user', content: [{ type: 'text', text: half }] };
      if (endpoint === 'completions')
        await on.refused(endpoint, { prompt: half }, { status: 400, param: 'prompt', code });
      else {
        await on.refused(
          endpoint,
          { messages: [message] },
          { status: 400, param: 'messages[0].content', code },
        );
        const param = 'messages[0].content[0].text';
        await on.refused(endpoint, { messages: [parts] }, { status: 400, param, code });
        await on.refused(
          endpoint,
          { messages: [{ role: half, content: 'x' }] },
          { status: 400, param: 'messages[0].role' },
        );
      }
    }
    await on.served(endpoint, { stop: '👩‍👩‍👧‍👦', cache_salt: '\u{10ffff}' });
  });

  test('are refused for another model', async () => {
    const refusal = { status: 404, param: 'model', code: 'model_not_found' };
    for (const model of ['gpt-4', 'Tiny', 'tiny ', '']) await on.refused(endpoint, { model }, refusal);
    const { model: _, ...without } = SOUND[endpoint];
    const missing = { status: 400, param: 'model', code: 'missing_required_parameter' };
    await on.expectRefusal(await on.server.post(PATHS[endpoint], without), missing);
    await on.refused(endpoint, { model: null }, missing);
  });
});
