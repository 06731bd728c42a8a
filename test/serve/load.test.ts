/**
 * Two hundred connections at a time, many of which are broken off: every answer has the bits that it has alone, and no block
 * is lost. `HEADRACE_RUNS=20000 npm test -- vitest test/serve/load` sends so many requests.
 */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { seededRandom } from '../../ts/llm/simulator/random.ts';
import { draw } from '../seeds.ts';

import { Command, tinyFolder } from './command.ts';
import { MetricsPage } from './metrics-page.ts';

const CONNECTIONS = 200;
const REQUESTS = 400;
const BROKEN_OFF = 0.2;
/** Different requests, and the words that all prompts begin with. */
const KINDS = 40;
const SHARED = 'The river mill stood where the water ran fast. '.repeat(3);

let tiny: ReturnType<typeof tinyFolder>;
beforeAll(() => {
  tiny = tinyFolder();
});
afterAll(() => tiny.remove());

interface Answered {
  readonly choices: readonly { readonly index: number; readonly text: string; readonly logprobs: unknown }[];
}

test('requests under load have their bits, and leave nothing behind', async () => {
  const { seed, runs, replay } = draw(REQUESTS);
  // Blocks for hardly more than one answer to each of those that run, so that some have to give way.
  const limits = ['--kv-blocks', '33', '--max-model-len', '256', '--max-num-seqs', '16'];
  await using command = new Command(tiny.folder, ['tiny.gguf', '--port', '0', '--threads', '1', ...limits]);
  const url = await command.ready();
  const kinds = kindsOf(seed);
  const alone: string[] = [];
  for (const kind of kinds) alone.push(answerIn((await (await ask(url, kind)).json()) as Answered));

  const random = seededRandom(seed + 1);
  const counts = { sent: 0, answered: 0, refused: 0, brokenOff: 0 };
  const client = async () => {
    while (counts.sent < runs) {
      counts.sent++;
      const kind = Math.floor(random() * KINDS);
      const stream = random() < 0.5;
      const after = random() < BROKEN_OFF ? random() * 40 : undefined;
      try {
        const found = await answered(url, { ...kinds[kind], stream }, after);
        if (found === undefined) counts.refused++;
        else {
          counts.answered++;
          expect(found, `${replay}: ${JSON.stringify(kinds[kind])}`).toEqual(alone[kind]);
        }
      } catch (error) {
        if ((error as Error).name !== 'AbortError') throw error;
        counts.brokenOff++;
      }
    }
  };
  await Promise.all(Array.from({ length: CONNECTIONS }, client));

  expect(counts.answered + counts.refused + counts.brokenOff).toBe(runs);
  expect(counts.brokenOff).toBeGreaterThan(runs * BROKEN_OFF * 0.2);
  expect(counts.answered).toBeGreaterThan(runs / 2);
  const gauges = ['vllm:num_requests_running', 'vllm:num_requests_waiting', 'headrace:open_requests'];
  const left = async () => {
    const page = await MetricsPage.of(url);
    return [...gauges, 'vllm:kv_cache_usage_perc'].map((name) => page.value(name));
  };
  await expect.poll(left).toEqual([0, 0, 0, 0]);
  const page = await MetricsPage.of(url);
  expect(page.value('headrace:kv_blocks_free')).toBe(page.value('headrace:kv_blocks'));
  expect(page.value('vllm:num_preemptions_total')).toBeGreaterThan(0);
  expect(page.value('vllm:prefix_cache_hits_total')).toBeGreaterThan(0);
  console.log(`${JSON.stringify(counts)}, ${page.value('vllm:num_preemptions_total')} preemptions`);
  command.child.kill('SIGTERM');
  expect(await command.ended).toMatchObject({ code: 0, err: '' });
}, 3_600_000);

/** Requests of all sorts, whose prompts have common beginnings. */
function kindsOf(seed: number): object[] {
  const random = seededRandom(seed);
  const below = (limit: number) => Math.floor(random() * limit);
  return Array.from({ length: KINDS }, (_, kind) => ({
    ...{ model: 'tiny', seed: kind, temperature: below(3) / 2, n: 1 + below(2), logprobs: 2 },
    prompt: SHARED.slice(0, 1 + below(SHARED.length)) + below(1_000),
    max_tokens: 1 + below(100),
    ...(below(2) === 0 ? { presence_penalty: 1 } : {}),
    ...(below(2) === 0 ? { top_p: 0.9 } : {}),
    ignore_eos: true,
  }));
}

function ask(url: string, body: object, init: RequestInit = {}): Promise<Response> {
  return fetch(`${url}/v1/completions`, {
    ...{ method: 'POST', headers: { 'content-type': 'application/json' }, ...init },
    body: JSON.stringify(body),
  });
}

/** The answer, or undefined if the request was refused because others wait; rejects when it is broken off. */
async function answered(url: string, body: { stream?: boolean }, afterMs: number | undefined) {
  const controller = new AbortController();
  const timer = afterMs === undefined ? undefined : setTimeout(() => controller.abort(), afterMs);
  try {
    const response = await ask(url, body, { signal: controller.signal });
    const text = await response.text();
    if (response.status === 503) return undefined;
    expect(response.status, text).toBe(200);
    return answerIn(body.stream ? joined(text) : JSON.parse(text));
  } finally {
    clearTimeout(timer);
  }
}

/** A stream as the answer that it is. */
function joined(events: string): Answered {
  const chunks = events.trim().split('\n\n');
  expect(chunks.pop()).toBe('data: [DONE]');
  const choices: { index: number; text: string; logprobs: Record<string, unknown[]> }[] = [];
  for (const chunk of chunks) {
    for (const { index, text, logprobs } of JSON.parse(chunk.slice('data: '.length)).choices) {
      choices[index] ??= { index, text: '', logprobs: {} };
      choices[index].text += text;
      for (const [name, values] of Object.entries(logprobs ?? {}))
        choices[index].logprobs[name] = [...(choices[index].logprobs[name] ?? []), ...(values as unknown[])];
    }
  }
  return { choices };
}

/** What must be the same each time: the text, and the numbers, which are printed alike if they have the same bits. */
function answerIn({ choices }: Answered): string {
  return JSON.stringify(choices.map(({ index, text, logprobs }) => [index, text, logprobs]));
}
