/** `/metrics`: the format, vLLM's names, and that the numbers are what has happened. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { RequestMetrics } from '../../ts/serve/request-metrics.ts';
import { MetricsPage } from './metrics-page.ts';
import { altered, ENDLESS, ROOMY, serve, tinyEngine } from './tiny-server.ts';

let tiny: Awaited<ReturnType<typeof tinyEngine>>;
let server: Awaited<ReturnType<typeof serve>>;
beforeAll(async () => {
  tiny = await tinyEngine(ROOMY);
  server = await serve(tiny.engine, { maxQueueRequests: 2, servedModelName: 'a "tiny"\\model' });
});
afterAll(async () => {
  await server.front.close();
  await tiny.close();
});

/** The names that vLLM documents, of what both have; counters without their ending. */
const VLLM = {
  gauge: ['num_requests_running', 'num_requests_waiting', 'kv_cache_usage_perc'],
  counter: [
    ...['prefix_cache_queries', 'prefix_cache_hits', 'num_preemptions', 'prompt_tokens', 'generation_tokens'],
    'request_success',
  ],
  histogram: [
    ...[
      'time_to_first_token_seconds',
      'inter_token_latency_seconds',
      'request_time_per_output_token_seconds',
    ],
    ...['e2e_request_latency_seconds', 'request_queue_time_seconds', 'request_inference_time_seconds'],
    ...['request_prefill_time_seconds', 'request_decode_time_seconds'],
    ...['request_prompt_tokens', 'request_generation_tokens'],
  ],
};

const ask = (change: object = {}, init: RequestInit = {}) =>
  server.post(
    '/v1/completions',
    {
      ...{ model: 'a "tiny"\\model', prompt: 'The river', max_tokens: 8, temperature: 0, ignore_eos: true },
      ...change,
    },
    init,
  );

test('a page has the format of Prometheus, and the names of vLLM', async () => {
  await (await ask()).text();
  const response = await fetch(`${server.url}/metrics`);
  expect(response.headers.get('content-type')).toBe('text/plain; version=0.0.4; charset=utf-8');
  const page = new MetricsPage(await response.text());
  for (const [type, names] of Object.entries(VLLM)) {
    for (const name of names) {
      const family = page.families.get(`vllm:${name}${type === 'counter' ? '_total' : ''}`);
      expect(family, name).toMatchObject({ type });
      expect(family?.samples.length, name).toBeGreaterThan(0);
    }
  }
  const ours = Object.values(VLLM).flat().length + 1; // Refusals at the door are new in vLLM, and may be none.
  expect([...page.families.keys()].filter((name) => name.startsWith('vllm:'))).toHaveLength(ours);
  for (const { name, help, type, samples } of page.families.values()) {
    expect(name).toMatch(type === 'counter' ? /^\w+:\w+_total$/ : /^\w+:\w+$/);
    expect(help).toMatch(/^[A-Z1].*\.$/);
    for (const { labels } of samples) expect(labels.model_name).toBe('a \\"tiny\\"\\\\model');
  }
});

test('everything is counted from 0; the part of the steps outside the model is that of their times', async () => {
  const ratio = (page: MetricsPage) => page.value('headrace:engine_time_ratio');
  const fresh = await tinyEngine({ maxNumSeqs: 4 });
  const other = await serve(fresh.engine, {});
  try {
    const page = await MetricsPage.of(other.url);
    expect(ratio(page)).toBe(0);
    // A count that is not there cannot be seen to grow.
    for (const finished_reason of ['stop', 'length', 'abort', 'error'])
      expect(page.value('vllm:request_success_total', { finished_reason })).toBe(0);
    for (const reason of ['queue_requests', 'queue_tokens', 'caller_requests', 'draining'])
      expect(page.value('vllm:admission_rejections_total', { reason })).toBe(0);
  } finally {
    await other.front.close();
    await fresh.close();
  }
  await (await ask({ max_tokens: 40 })).text();
  const page = await MetricsPage.of(server.url);
  const own = page.value('headrace:engine_seconds_total');
  const all = own + page.value('headrace:model_seconds_total');
  expect(own).toBeGreaterThan(0);
  expect(ratio(page) * all).toBeCloseTo(own, 9);
  const scheduling = page.value('headrace:scheduling_seconds_total');
  expect(scheduling).toBeGreaterThan(0);
  expect(scheduling).toBeLessThan(own);
  expect(page.value('headrace:scheduling_time_ratio') * all).toBeCloseTo(scheduling, 9);
});

test('buckets rise to the count, and hold what they say', async () => {
  await (await ask()).text();
  const page = await MetricsPage.of(server.url);
  for (const { name, type, samples } of page.families.values()) {
    if (type !== 'histogram') continue;
    const buckets = samples.filter((sample) => sample.name === `${name}_bucket`);
    const bounds = buckets.map(({ labels }) =>
      labels.le === '+Inf' ? Number.POSITIVE_INFINITY : Number(labels.le),
    );
    expect(bounds).toEqual(bounds.toSorted((a, b) => a - b));
    expect(bounds.at(-1)).toBe(Number.POSITIVE_INFINITY);
    const counts = buckets.map(({ value }) => value);
    expect(counts).toEqual(counts.toSorted((a, b) => a - b));
    expect(counts.at(-1)).toBe(page.value(`${name}_count`));
    expect(page.value(`${name}_count`)).toBeGreaterThan(0);
  }
});

test('requests, tokens and cache hits are counted', async () => {
  const before = await MetricsPage.of(server.url);
  const prompt = Array.from({ length: 40 }, (_, at) => 100 + at);
  await (await ask({ prompt })).text();
  await (await ask({ prompt, stream: true, n: 2 })).text();
  await (await ask({ prompt: [] })).text();
  const after = await MetricsPage.of(server.url);
  const grown = (name: string, labels?: Record<string, string>) =>
    after.value(name, labels) - before.value(name, labels);
  expect(grown('vllm:request_success_total', { finished_reason: 'length' })).toBe(2);
  expect(grown('vllm:prompt_tokens_total')).toBe(80);
  expect(grown('vllm:generation_tokens_total')).toBe(24);
  expect(grown('vllm:request_generation_tokens_sum')).toBe(24);
  expect(grown('vllm:request_prompt_tokens_bucket', { le: '32' })).toBe(0);
  expect(grown('vllm:request_prompt_tokens_bucket', { le: '64' })).toBe(2);
  expect(grown('vllm:prefix_cache_hits_total')).toBe(32);
  expect(grown('vllm:prefix_cache_queries_total')).toBeGreaterThanOrEqual(80);
  expect(grown('vllm:inter_token_latency_seconds_count')).toBe(7 + 14);
  for (const name of ['queue', 'prefill', 'decode', 'inference'])
    expect(grown(`vllm:request_${name}_time_seconds_count`)).toBe(2);
  expect(after.value('vllm:num_requests_running')).toBe(0);
  expect(after.value('vllm:kv_cache_usage_perc')).toBe(0);
});

test('runs that failed are counted apart from requests that did', async () => {
  const metrics = async () => ({ ...(await tiny.engine.metrics()), failed: 1, failedRuns: 3 });
  const other = await serve(altered(tiny.engine, { metrics }));
  expect((await MetricsPage.of(other.url)).value('headrace:failed_runs_total')).toBe(3);
  await other.front.close();
});

test('what runs, waits and is refused can be seen', async () => {
  const controller = new AbortController();
  const { signal } = controller;
  const before = await MetricsPage.of(server.url);
  // Longer than all that follows takes.
  for (let running = 0; running < 4; running++) {
    const { status } = await ask({ max_tokens: ENDLESS, stream: true }, { signal });
    expect(status).toBe(200);
  }
  // Four run, two wait, and the queue is full.
  const waiting = [ask({ max_tokens: 2 }), ask({ max_tokens: 2 })];
  await expect.poll(async () => (await MetricsPage.of(server.url)).value('headrace:queue_requests')).toBe(2);
  const refused = await ask();
  expect([refused.status, refused.headers.get('retry-after')]).toEqual([503, expect.stringMatching(/^\d+$/)]);
  const during = await MetricsPage.of(server.url);
  expect(during.value('vllm:num_requests_running')).toBe(4);
  expect(during.value('vllm:num_requests_waiting')).toBe(2);
  expect(during.value('headrace:open_requests')).toBe(6);
  // The prompts of those that run have been computed, though none of them has ended.
  expect(during.value('vllm:prompt_tokens_total') - before.value('vllm:prompt_tokens_total')).toBe(4 * 3);
  expect(during.value('vllm:kv_cache_usage_perc')).toBeGreaterThan(0);
  expect(during.value('vllm:admission_rejections_total', { reason: 'queue_requests' })).toBe(1);
  controller.abort();
  for (const response of await Promise.all(waiting)) expect(response.status).toBe(200);
  // Both waited while the page was fetched, at least.
  const after = await MetricsPage.of(server.url);
  const queue = 'vllm:request_queue_time_seconds';
  expect(after.value(`${queue}_sum`) - during.value(`${queue}_sum`)).toBeGreaterThan(0.004);
});

describe('the times of a request', () => {
  const usage = { promptTokens: 5, cachedTokens: 0, completionTokens: 3, queuedMs: 30 };
  const token = (finish?: 'length') => ({ choice: 0, token: 1, text: '', ...(finish && { finish }) });
  const none = { stop: 0, length: 0, abort: 0, error: 0 };
  const sums = (metrics: RequestMetrics) =>
    Object.fromEntries(metrics.histograms.map(({ name, sum }) => [name.replace('vllm:', ''), sum]));

  test('are those of the clock', () => {
    const metrics = new RequestMetrics();
    let now = 1_000;
    const at = (ms: number, what: () => void) => {
      now = 1_000 + ms;
      what();
    };
    const times = metrics.arrived(() => now);
    at(10, () => times.asked());
    at(100, () => times.token(token(), 5));
    at(150, () => times.token(token(), 5));
    at(220, () => times.token(token('length'), 5));
    at(250, () => times.end(undefined, usage));
    at(900, () => times.end('abort', usage));
    const seconds = (ms: number) => expect.closeTo(ms / 1000, 9);
    expect(sums(metrics)).toEqual({
      time_to_first_token_seconds: seconds(100),
      inter_token_latency_seconds: seconds(120),
      request_time_per_output_token_seconds: seconds(60),
      e2e_request_latency_seconds: seconds(250),
      request_queue_time_seconds: seconds(30),
      request_prefill_time_seconds: seconds(60),
      request_decode_time_seconds: seconds(120),
      request_inference_time_seconds: seconds(180),
      request_prompt_tokens: 5,
      request_generation_tokens: 3,
    });
    expect(Object.fromEntries(metrics.endings)).toEqual({ ...none, length: 1 });
    expect(metrics.promptTokens).toBe(5);
  });

  test('of one that ends before its first token are none', () => {
    const metrics = new RequestMetrics();
    metrics.arrived().end('abort', undefined);
    expect(Object.values(sums(metrics)).every((sum) => sum === 0)).toBe(true);
    expect(Object.fromEntries(metrics.endings)).toEqual({ ...none, abort: 1 });
  });
});
