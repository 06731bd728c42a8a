/** What requests may ask about sampling, as the `openai` client sees it. */
import type OpenAI from 'openai';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { serve, tinyEngine } from './tiny-server.ts';

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

type Chat = OpenAI.ChatCompletionCreateParamsNonStreaming;
type Completion = OpenAI.CompletionCreateParamsNonStreaming;

const messages = [{ role: 'user' as const, content: 'What does the water do?' }];
/** Parameters that the client does not know go through a cast. */
const more = (parameters: object) => parameters as object;
const base = { model: 'tiny', messages, max_tokens: 12, seed: 7, ...more({ ignore_eos: true }) };
const chat = (parameters: object = {}) => client.chat.completions.create({ ...base, ...parameters } as Chat);
const complete = (parameters: object = {}) => {
  const { messages: _, ...others } = base;
  return client.completions.create({ ...others, prompt: 'The river', ...parameters } as Completion);
};
const texts = async (parameters: object = {}) =>
  (await chat(parameters)).choices.map(({ message }) => message.content);

describe('a seed', () => {
  test('has the same answer again, and another seed another', async () => {
    const [first] = await texts();
    expect(await texts()).toEqual([first]);
    expect(await texts({ seed: 8 })).not.toEqual([first]);
    // Whatever runs beside it.
    const many = await Promise.all(Array.from({ length: 6 }, (_, at) => texts({ seed: 5 + at })));
    expect(many[2]).toEqual([first]);
    expect(new Set(many.flat()).size).toBe(6);
  });

  test('is chosen anew where there is none', async () => {
    const both = [await texts({ seed: undefined }), await texts({ seed: undefined })];
    expect(both[0]).not.toEqual(both[1]);
  });

  test('has n answers, which differ, and come back', async () => {
    const four = await chat({ n: 4 });
    expect(four.choices.map(({ index }) => index)).toEqual([0, 1, 2, 3]);
    expect(four.usage?.completion_tokens).toBe(48);
    const answers = four.choices.map(({ message }) => message.content);
    expect(new Set(answers).size).toBe(4);
    expect(await texts({ n: 4 })).toEqual(answers);
    expect(await texts({ n: 2 })).toEqual(answers.slice(0, 2));
    expect(await texts()).toEqual(answers.slice(0, 1));
    const completions = await complete({ n: 3 });
    expect(new Set(completions.choices.map(({ text }) => text)).size).toBe(3);
    expect((await complete({ n: 3 })).choices).toEqual(completions.choices);
  });
});

describe('logprobs', () => {
  test('of a chat are there for each token, with the likeliest, and their probabilities are parts of one', async () => {
    const { choices } = await chat({ logprobs: true, top_logprobs: 20, n: 2 });
    for (const { logprobs, message } of choices) {
      const content = logprobs?.content ?? [];
      expect(content).toHaveLength(12);
      expect(logprobs?.refusal).toBeNull();
      const bytes = content.flatMap((entry) => entry.bytes ?? []);
      expect(new TextDecoder().decode(Uint8Array.from(bytes))).toBe(message.content);
      for (const { token, logprob, top_logprobs: top } of content) {
        expect(top).toHaveLength(20);
        expect(new Set(top.map((entry) => entry.token)).size).toBe(20);
        const likeliest = top.map((entry) => entry.logprob);
        expect(likeliest).toEqual([...likeliest].sort((a, b) => b - a));
        const among = top.find((entry) => entry.token === token);
        if (among === undefined) expect(logprob).toBeLessThanOrEqual(likeliest.at(-1) ?? 0);
        else expect(logprob).toBe(among.logprob);
        const sum = likeliest.reduce((sum, one) => sum + Math.exp(one), 0);
        expect(sum).toBeGreaterThan(20 / 512);
        expect(sum).toBeLessThanOrEqual(1 + 1e-12);
      }
    }
    const [greedy] = (await chat({ temperature: 0, logprobs: true, top_logprobs: 1 })).choices;
    for (const { token, top_logprobs: top } of greedy?.logprobs?.content ?? [])
      expect(top[0]?.token).toBe(token);
    const [bare] = (await chat({ logprobs: true })).choices;
    expect(bare?.logprobs?.content?.map((entry) => entry.top_logprobs)).toEqual(Array(12).fill([]));
    expect((await chat()).choices[0]?.logprobs).toBeNull();
  });

  test('are those of the model’s logits', async () => {
    const { choices } = await complete({ logprobs: 3, temperature: 0.7, max_tokens: 6 });
    const prompt = await tiny.engine.encode('The river');
    const found = choices[0]?.logprobs;
    expect(found?.token_logprobs).toHaveLength(6);
    const [row] = await tiny.engine.logits(prompt, { from: prompt.length - 1 });
    const logits = [...(row ?? [])];
    const sum = logits.reduce((sum, logit) => sum + Math.exp(logit), 0);
    const likeliest = logits.map((logit) => logit - Math.log(sum)).sort((a, b) => b - a);
    const first = Object.values(found?.top_logprobs?.[0] ?? {}).sort((a, b) => b - a);
    expect(first.length === 3 || first.length === 4).toBe(true);
    for (const at of [0, 1, 2]) expect(first[at]).toBeCloseTo(likeliest[at] ?? 0, 10);
    expect(found?.tokens).toHaveLength(6);
    expect(found?.text_offset).toHaveLength(6);
  });
});

describe('a stream', () => {
  test.each<[string, object]>([
    ['of one answer', {}],
    ['of several', { n: 3, logprobs: true, top_logprobs: 2 }],
    ['that stops', { stop: ['a', 'e'], n: 2, logprobs: true }],
  ])('%s has what comes without streaming', async (_, parameters) => {
    const whole = await chat(parameters);
    const stream = await client.chat.completions.create({ ...base, ...parameters, stream: true });
    const content: string[] = [];
    const reasons: (string | null)[] = [];
    const logprobs: unknown[][] = [];
    for await (const { choices } of stream) {
      for (const { index, delta, finish_reason: reason, logprobs: some } of choices) {
        content[index] = (content[index] ?? '') + (delta.content ?? '');
        reasons[index] = reason ?? reasons[index] ?? null;
        logprobs[index] = [...(logprobs[index] ?? []), ...(some?.content ?? [])];
      }
    }
    expect(content).toEqual(whole.choices.map(({ message }) => message.content));
    expect(reasons).toEqual(whole.choices.map(({ finish_reason: reason }) => reason));
    expect(logprobs).toEqual(whole.choices.map((choice) => choice.logprobs?.content ?? []));
  });
});

describe('what is chosen', () => {
  /** The tokens of an answer, by the bytes that their logprobs name. */
  const tokensOf = async (parameters: object) => {
    const [choice] = (await chat({ logprobs: true, ...parameters })).choices;
    return choice?.logprobs?.content?.map(({ token }) => token) ?? [];
  };

  test('is forced and banned by biases', async () => {
    const [water] = await tiny.engine.encode('w');
    if (water === undefined) throw new Error('There is no such token.');
    const text = await tiny.engine.decode([water]);
    expect(await texts({ logit_bias: { [water]: 100 } })).toEqual([text.repeat(12)]);
    const plain = await tokensOf({ temperature: 0 });
    const ids = await tiny.engine.complete(await tiny.engine.encodeChat(messages), {
      ...{ temperature: 0, maxTokens: 1, ignoreEos: true },
    });
    const first = (await ids.next()).value?.token;
    const [banned] = await tokensOf({ temperature: 0, logit_bias: { [String(first)]: -100 } });
    expect(banned).not.toBe(plain[0]);
  });

  test('is the likeliest where nothing else is left', async () => {
    const greedy = await texts({ temperature: 0 });
    for (const one of [{ top_p: 1e-9 }, { top_k: 1 }, { min_p: 1 }])
      expect(await texts(one), JSON.stringify(one)).toEqual(greedy);
  });

  test('repeats itself less under penalties', async () => {
    const different = async (parameters: object) =>
      new Set(await tokensOf({ temperature: 0, max_tokens: 60, ...parameters })).size;
    const plain = await different({});
    for (const one of [{ presence_penalty: 2 }, { frequency_penalty: 2 }, { repetition_penalty: 3 }])
      expect(await different(one), JSON.stringify(one)).toBeGreaterThan(plain);
  });

  test('is no end before min_tokens', async () => {
    const ending = { ignore_eos: false, temperature: 0, logit_bias: { 2: 100 } };
    const [early] = (await chat(ending)).choices;
    expect(early).toMatchObject({ finish_reason: 'stop', message: { content: '' } });
    const later = await chat({ ...ending, min_tokens: 5 });
    expect(later.choices[0]?.finish_reason).toBe('stop');
    expect(later.usage?.completion_tokens).toBe(6);
  });

  test('ends before a stop string, whichever answer has it', async () => {
    const whole = await texts({ n: 3 });
    const stop = whole[1]?.slice(4, 6) ?? '';
    const { choices } = await chat({ n: 3, stop });
    for (const [at, { message, finish_reason: reason }] of choices.entries()) {
      const text = whole[at] ?? '';
      const place = text.indexOf(stop);
      expect(message.content).toBe(place < 0 ? text : text.slice(0, place));
      expect(reason).toBe(place < 0 ? 'length' : 'stop');
    }
  });
});
