/** The server as the `openai` client sees it. */
import OpenAI from 'openai';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { altered, serve, tinyEngine } from './tiny-server.ts';

let tiny: Awaited<ReturnType<typeof tinyEngine>>;
let server: Awaited<ReturnType<typeof serve>>;
let client: OpenAI;
beforeAll(async () => {
  tiny = await tinyEngine();
  server = await serve(tiny.engine);
  client = server.client;
});
afterAll(async () => {
  await server.front.close();
  await tiny.close();
});

const messages = [{ role: 'user' as const, content: 'What does the water do?' }];
/** The tiny model's end-of-text tokens come by chance; texts of a known length have none. */
const plain = { model: 'tiny', temperature: 0, ...({ ignore_eos: true } as object) };
const chat = { ...plain, messages, max_tokens: 12 };

describe('a chat', () => {
  test('is answered as the engine in this process answers it', async () => {
    const answer = await client.chat.completions.create(chat);
    const expected = await tiny.engine
      .chat(messages, { maxTokens: 12, temperature: 0, ignoreEos: true })
      .text();
    const prompt = await tiny.engine.encodeChat(messages);
    expect(answer).toMatchObject({
      id: expect.stringMatching(/^chatcmpl-[0-9a-f]{32}$/),
      object: 'chat.completion',
      model: 'tiny',
      system_fingerprint: expect.stringContaining(tiny.engine.info.digest.slice(0, 12)),
      choices: [
        {
          index: 0,
          message: { role: 'assistant', content: expected, refusal: null },
          logprobs: null,
          finish_reason: 'length',
        },
      ],
      usage: {
        prompt_tokens: prompt.length,
        completion_tokens: 12,
        total_tokens: prompt.length + 12,
      },
    });
    expect(Math.abs(answer.created - Date.now() / 1000)).toBeLessThan(60);
  });

  test('is streamed: a role, the text, why it ended, the usage', async () => {
    const { choices, usage } = await client.chat.completions.create(chat);
    const stream = await client.chat.completions.create({
      ...chat,
      stream: true,
      stream_options: { include_usage: true },
    });
    const chunks = await Array.fromAsync(stream);
    expect(chunks[0]?.choices[0]?.delta).toEqual({ role: 'assistant', content: '', refusal: null });
    expect(chunks.at(-2)?.choices).toEqual([
      { index: 0, delta: {}, logprobs: null, finish_reason: 'length' },
    ]);
    expect(chunks.at(-1)?.choices).toEqual([]);
    expect(chunks.at(-1)?.usage).toMatchObject({
      completion_tokens: 12,
      prompt_tokens: usage?.prompt_tokens,
    });
    expect(chunks.slice(0, -1).every((chunk) => chunk.usage === null)).toBe(true);
    expect(new Set(chunks.map(({ id }) => id)).size).toBe(1);
    const text = chunks.map((chunk) => chunk.choices[0]?.delta.content ?? '').join('');
    expect(text).toBe(choices[0]?.message.content);
    expect(chunks.filter((chunk) => chunk.choices[0]?.delta.content === '')).toHaveLength(1);
  });

  test('has no usage in its stream unless it is asked for', async () => {
    const chunks = await Array.fromAsync(await client.chat.completions.create({ ...chat, stream: true }));
    expect(chunks.every((chunk) => !('usage' in chunk))).toBe(true);
    expect(chunks.at(-1)?.choices[0]?.finish_reason).toBe('length');
  });

  test('says how much of its prompt was cached', async () => {
    const content = 'The river mill stood where the water ran fast. '.repeat(4);
    const asked = { ...chat, messages: [{ role: 'user' as const, content }] };
    const first = await client.chat.completions.create(asked);
    const second = await client.chat.completions.create(asked);
    expect(first.usage?.prompt_tokens_details?.cached_tokens).toBeLessThan(32);
    const cached = second.usage?.prompt_tokens_details?.cached_tokens ?? 0;
    expect(cached).toBe(16 * Math.floor(((second.usage?.prompt_tokens ?? 0) - 1) / 16));
    expect(second.choices).toEqual(first.choices);
    const salted = await client.chat.completions.create({ ...asked, ...{ cache_salt: 'mine' } });
    expect(salted.usage?.prompt_tokens_details?.cached_tokens).toBe(0);
    expect(salted.choices).toEqual(first.choices);
  });

  test('ends before a stop string', async () => {
    const whole = (await client.chat.completions.create(chat)).choices[0]?.message.content ?? '';
    const stop = whole.slice(6, 9);
    const { choices } = await client.chat.completions.create({ ...chat, stop });
    expect(choices[0]).toMatchObject({
      finish_reason: 'stop',
      message: { content: whole.slice(0, whole.indexOf(stop)) },
    });
    const stream = await client.chat.completions.create({ ...chat, stop: [stop, 'nowhere'], stream: true });
    const chunks = await Array.fromAsync(stream);
    expect(chunks.map((chunk) => chunk.choices[0]?.delta.content ?? '').join('')).toBe(
      whole.slice(0, whole.indexOf(stop)),
    );
    expect(chunks.at(-1)?.choices[0]?.finish_reason).toBe('stop');
  });

  test('takes an answer back as it came, parts of text, and developers', async () => {
    const { choices } = await client.chat.completions.create(chat);
    const [answer] = choices;
    if (answer === undefined) throw new Error('There is no answer.');
    const again = await client.chat.completions.create({
      ...chat,
      messages: [
        { role: 'developer', content: 'Be brief.' },
        {
          role: 'user',
          content: [
            { type: 'text', text: 'one' },
            { type: 'text', text: 'two' },
          ],
        },
        answer.message,
        { role: 'user', content: 'three' },
      ],
    });
    const expected = await tiny.engine
      .chat(
        [
          { role: 'system', content: 'Be brief.' },
          { role: 'user', content: 'one\ntwo' },
          { role: 'assistant', content: answer.message.content ?? '' },
          { role: 'user', content: 'three' },
        ],
        { maxTokens: 12, temperature: 0, ignoreEos: true },
      )
      .text();
    expect(again.choices[0]?.message.content).toBe(expected);
  });

  test('that is aborted ends in the engine too', async () => {
    const stream = await client.chat.completions.create({ ...chat, max_tokens: 900, stream: true });
    for await (const _ of stream) break;
    await expect.poll(async () => (await tiny.engine.metrics()).running).toBe(0);
    const controller = new AbortController();
    const { signal } = controller;
    const whole = client.chat.completions.create({ ...chat, max_tokens: 900 }, { signal });
    await expect.poll(async () => (await tiny.engine.metrics()).running).toBe(1);
    controller.abort();
    await expect(whole).rejects.toThrow(OpenAI.APIUserAbortError);
    await expect.poll(async () => (await tiny.engine.metrics()).kv.used).toBe(0);
  });
});

describe('a completion', () => {
  const asked = { ...plain, prompt: 'The river', max_tokens: 10 };

  test('continues a text, tokens, or a list of one', async () => {
    const { choices, usage } = await client.completions.create(asked);
    const tokens = [...(await tiny.engine.encode('The river'))];
    expect(usage).toMatchObject({ prompt_tokens: tokens.length, completion_tokens: 10 });
    for (const prompt of [tokens, [tokens], ['The river']]) {
      expect((await client.completions.create({ ...asked, prompt })).choices).toEqual(choices);
    }
  });

  test('has 16 tokens unless told', async () => {
    const { usage } = await client.completions.create({ ...plain, prompt: 'The river' });
    expect(usage?.completion_tokens).toBe(16);
  });

  test('is streamed', async () => {
    const { choices } = await client.completions.create(asked);
    const stream = await client.completions.create({
      ...asked,
      stream: true,
      stream_options: { include_usage: true },
    });
    const chunks = await Array.fromAsync(stream);
    expect(chunks.map((chunk) => chunk.choices[0]?.text ?? '').join('')).toBe(choices[0]?.text);
    expect(chunks.at(-2)?.choices).toEqual([{ index: 0, text: '', logprobs: null, finish_reason: 'length' }]);
    expect(chunks.at(-1)).toMatchObject({ choices: [], usage: { completion_tokens: 10 } });
  });
});

describe('a handler in a server of the user’s own', () => {
  const under = new OpenAI({
    ...{ baseURL: 'http://in.process/llm/v1', apiKey: 'none', maxRetries: 0 },
    fetch: (url, init) => {
      const request = new Request(url as string, init as RequestInit);
      return server.handler(new Request(request.url.replace('/llm/', '/'), request));
    },
  });

  test('answers under a prefix as it does without', async () => {
    const { choices } = await client.chat.completions.create(chat);
    expect((await under.chat.completions.create(chat)).choices).toEqual(choices);
    const stream = await under.chat.completions.create({ ...chat, stream: true });
    let text = '';
    for await (const { choices } of stream) text += choices[0]?.delta.content ?? '';
    expect(text).toBe(choices[0]?.message.content);
  });

  test('ends in the engine with the signal of its request, before and behind the first token', async () => {
    const endless = { ...chat, max_tokens: 900 };
    const controller = new AbortController();
    const { signal } = controller;
    const stream = await under.chat.completions.create({ ...endless, stream: true }, { signal });
    const whole = under.chat.completions.create(endless, { signal });
    await expect.poll(async () => (await tiny.engine.metrics()).running).toBe(2);
    controller.abort();
    await expect(whole).rejects.toThrow();
    await expect.poll(async () => (await tiny.engine.metrics()).running).toBe(0);
    stream.controller.abort();
  });
});

describe('whether equal requests have equal bits', () => {
  const shown = async (deterministic: boolean | undefined) => {
    const { engine } = tiny;
    const { deterministic: _, ...info } = engine.info;
    const change = { info: deterministic === undefined ? info : { ...info, deterministic } };
    const other = await serve(altered(engine, change));
    const answer = await other.client.chat.completions.create(chat);
    const [card] = (await other.client.models.list()).data;
    const page = await (await fetch(`${other.url}/metrics`)).text();
    await other.front.close();
    return {
      fingerprint: answer.system_fingerprint?.replace(/^fp_[0-9a-f]{12}/, ''),
      card: (card as unknown as { deterministic: boolean | null }).deterministic,
      metric: /^headrace:deterministic\S* (\d)$/m.exec(page)?.[1],
    };
  };

  test('is said by the card of the model, the fingerprint of answers and a metric', async () => {
    expect(tiny.engine.info.deterministic).toBe(true);
    expect(await shown(true)).toEqual({ fingerprint: '_deterministic', card: true, metric: '1' });
    expect(await shown(false)).toEqual({ fingerprint: '_nondeterministic', card: false, metric: '0' });
    expect(await shown(undefined)).toEqual({ fingerprint: '', card: null, metric: undefined });
  });
});

describe('models', () => {
  test('are listed, and found by their name', async () => {
    const expected = { id: 'tiny', object: 'model', owned_by: 'headrace', max_model_len: 1024 };
    expect((await client.models.list()).data).toMatchObject([expected]);
    expect(await client.models.retrieve('tiny')).toMatchObject(expected);
    await expect(client.models.retrieve('a/b c')).rejects.toMatchObject({
      ...{ status: 404, code: 'model_not_found', param: 'model' },
    });
  });
});
