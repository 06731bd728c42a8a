/** Clients that ask too much, go away, dawdle or talk nonsense: they are bounded, and cost the others nothing. */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { type FrontLimits, HttpFront } from '../../ts/serve/http-front.ts';
import type { ServeOptions } from '../../ts/serve/serve-options.ts';
import { MetricsPage } from './metrics-page.ts';
import { RawClient } from './raw-client.ts';
import { altered, ENDLESS, errorIn, ROOMY, serve, tinyEngine } from './tiny-server.ts';

setFlagsFromString('--expose-gc');
const gc = runInNewContext('gc') as () => void;
let tiny: Awaited<ReturnType<typeof tinyEngine>>;
let server: Awaited<ReturnType<typeof serve>>;
let raw: RawClient[] = [];
let alone: string;
beforeAll(async () => {
  tiny = await tinyEngine(ROOMY);
  await start();
  alone = await canary();
  await server.front.close();
});
afterAll(() => tiny.close());
afterEach(async () => {
  for (const one of raw) one.destroy();
  raw = [];
  await server.front.close();
});

async function start(options: ServeOptions = {}, limits: Partial<FrontLimits> = {}): Promise<void> {
  server = await serve(tiny.engine, options, limits);
}

async function client(): Promise<RawClient> {
  const one = await RawClient.connect(server.url);
  raw.push(one);
  return one;
}

const AT = '/v1/completions';
const SHORT = { model: 'tiny', prompt: 'The river', max_tokens: 4, temperature: 0, ignore_eos: true };
/** Longer than any test takes, unless it is given up. */
const LONG = { ...SHORT, max_tokens: ENDLESS };
const STREAM = { ...LONG, stream: true };

async function canary(headers: Record<string, string> = {}, model = 'tiny'): Promise<string> {
  const body = { ...SHORT, logprobs: 3, model };
  const { choices } = (await (await server.post(AT, body, { headers })).json()) as {
    choices: unknown;
  };
  return JSON.stringify(choices);
}

/** Waits until nothing is open, and no block is held. */
async function expectAllFree(headers: Record<string, string> = {}, model?: string): Promise<void> {
  const state = async () => {
    const page = await MetricsPage.of(server.url, headers);
    return ['vllm:num_requests_running', 'vllm:num_requests_waiting', 'headrace:open_requests']
      .concat('headrace:queue_requests', 'vllm:kv_cache_usage_perc')
      .map((name) => page.value(name));
  };
  await expect.poll(state, { timeout: 10_000 }).toEqual([0, 0, 0, 0, 0]);
  const page = await MetricsPage.of(server.url, headers);
  expect(page.value('headrace:kv_blocks_free')).toBe(page.value('headrace:kv_blocks'));
  expect(await canary(headers, model)).toBe(alone);
}

/** Keeps all places of the engine busy; the function ends that. */
async function occupied(headers: Record<string, string> = {}): Promise<() => void> {
  const controller = new AbortController();
  for (let place = 0; place < 4; place++) {
    const { status } = await server.post(AT, STREAM, { signal: controller.signal, headers });
    expect(status).toBe(200);
  }
  return () => controller.abort();
}

const value = async (name: string, labels?: Record<string, string>) =>
  (await MetricsPage.of(server.url)).value(name, labels);

describe('too many', () => {
  const overloaded = {
    ...{ status: 503, type: 'server_error', param: null, code: 'server_is_overloaded' },
    message: expect.stringMatching(/no more (than \d+ )?are taken/),
  };

  test('tokens that wait are refused with 503 and Retry-After', async () => {
    await start({ maxQueueTokens: 300 });
    const free = await occupied();
    const prompt = Array.from({ length: 280 }, (_, at) => 100 + at);
    const waiting = server.post(AT, { ...SHORT, prompt });
    await expect.poll(() => value('headrace:queue_requests')).toBe(1);
    const refused = await server.post(AT, { ...SHORT, prompt: prompt.slice(0, 100) });
    expect(refused.headers.get('retry-after')).toMatch(/^[1-9]\d*$/);
    expect(await errorIn(refused)).toEqual(overloaded);
    expect(await value('vllm:admission_rejections_total', { reason: 'queue_tokens' })).toBe(1);
    free();
    expect((await waiting).status).toBe(200);
    // One that is longer than the whole queue is let in when nobody waits.
    expect((await server.post(AT, { ...SHORT, prompt: [...prompt, ...prompt] })).status).toBe(200);
    await expectAllFree();
  });

  test('requests of a key are refused with 429 and Retry-After, and not those of another', async () => {
    await start({ apiKeys: ['one', 'two'], maxRequestsPerKey: 2 });
    const controller = new AbortController();
    const { signal } = controller;
    const of = (key: string, body: object, init: RequestInit = {}) =>
      server.post(AT, body, { ...init, headers: { authorization: `Bearer ${key}` } });
    await of('one', STREAM, { signal });
    await of('one', STREAM, { signal });
    const refused = await of('one', SHORT);
    expect(refused.headers.get('retry-after')).toMatch(/^[1-9]\d*$/);
    expect(await errorIn(refused)).toMatchObject({
      ...{ status: 429, type: 'rate_limit_error', code: 'rate_limit_exceeded' },
    });
    expect((await of('two', SHORT)).status).toBe(200);
    controller.abort();
    await expectAllFree({ authorization: 'Bearer two' });
    expect((await of('one', SHORT)).status).toBe(200);
  });

  test('requests at once are refused with 503, but those that find a place in the queue', async () => {
    await start({ maxQueueRequests: 16 });
    const free = await occupied();
    const responses = Array.from({ length: 300 }, () => server.post(AT, SHORT));
    const rejected = () => value('vllm:admission_rejections_total', { reason: 'queue_requests' });
    await expect.poll(rejected).toBe(284);
    expect(await value('headrace:queue_requests')).toBe(16);
    free();
    const all = await Promise.all(responses);
    const answered = all.filter(({ status }) => status === 200);
    const texts = answered.map(async (response) => ((await response.json()) as { choices: object }).choices);
    expect(new Set((await Promise.all(texts)).map((choices) => JSON.stringify(choices))).size).toBe(1);
    expect(answered).toHaveLength(16);
    for (const response of all.filter(({ status }) => status !== 200)) {
      expect(response.headers.get('retry-after')).toMatch(/^[1-9]\d*$/);
      expect(await errorIn(response)).toEqual(overloaded);
    }
    await expectAllFree();
  });
});

describe('a client that goes away', () => {
  test('in the middle of a stream, or of an answer that is none', async () => {
    await start();
    const streaming = (await client()).post(AT, STREAM);
    await streaming.until('data: ');
    const whole = (await client()).post(AT, LONG);
    await expect.poll(() => value('vllm:num_requests_running')).toBe(2);
    streaming.destroy();
    whole.destroy();
    await expectAllFree();
    expect(await value('vllm:request_success_total', { finished_reason: 'abort' })).toBe(2);
  });

  test('while it waits', async () => {
    await start();
    const free = await occupied();
    const waiting = (await client()).post(AT, SHORT);
    await expect.poll(() => value('vllm:num_requests_waiting')).toBe(1);
    waiting.destroy();
    await expect.poll(() => value('vllm:num_requests_waiting')).toBe(0);
    free();
    await expectAllFree();
  });

  test('before it has sent all', async () => {
    await start();
    const head = (await client()).send('POST /v1/completions HTTP/1.1\r\nhost:');
    const body = (await client()).post(AT, SHORT, 20);
    await expect.poll(() => value('headrace:open_requests')).toBe(1);
    head.destroy();
    body.destroy();
    await expectAllFree();
  });

  test('by closing its half of the connection', async () => {
    await start();
    const half = (await client()).post(AT, STREAM);
    await half.until('data: ');
    half.socket.end();
    await half.closed;
    await expectAllFree();
  });

  test('while a server of the user’s own has dropped its request and its answer', async () => {
    await start();
    const headers = { 'content-type': 'application/json' };
    const controller = new AbortController();
    const dropped = async () => {
      const init = { method: 'POST', headers, body: JSON.stringify(STREAM), signal: controller.signal };
      expect((await server.handler(new Request(server.url + AT, init))).status).toBe(200);
    };
    await dropped();
    for (let time = 0; time < 3; time++) {
      gc();
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    expect(await value('headrace:open_requests')).toBe(1);
    controller.abort();
    await expectAllFree();
    expect(await value('vllm:request_success_total', { finished_reason: 'abort' })).toBe(1);
  });

  test('at any time, many times', async () => {
    await start();
    const times = Array.from({ length: 100 }, async (_, at) => {
      const one = (await client()).post(AT, at % 2 === 0 ? STREAM : LONG);
      await new Promise((resolve) => setTimeout(resolve, (at * 7) % 50));
      one.destroy();
    });
    await Promise.all(times);
    await expectAllFree();
  });
});

describe('a client that dawdles', () => {
  test('over reading is given up, and holds up nobody', async () => {
    // Each event names the model, so that the stream has more bytes than the buffers between the two ends hold.
    const name = 'tiny'.repeat(128);
    await start({ servedModelName: name }, { sendTimeout: 300 });
    const slow = await client();
    slow.socket.pause();
    slow.post(AT, { ...STREAM, n: 3, logprobs: 20, model: name });
    await expect.poll(() => value('vllm:num_requests_running')).toBe(1);
    expect(await canary({}, name)).toBe(alone);
    expect(await value('vllm:num_requests_running')).toBe(1);
    await expectAllFree({}, name);
    expect(await value('vllm:request_success_total', { finished_reason: 'abort' })).toBe(1);
  });

  test('over a whole answer is given up if it takes nothing, and not if it is slow', async () => {
    const bytes = 'x'.repeat(2 ** 25);
    const handler = Object.assign(async () => new Response(bytes), { drain: async () => {} });
    const limits = { sendTimeout: 3_000 };
    const front = await HttpFront.listen(handler, { port: 0, host: '127.0.0.1', limits });
    const connect = () => RawClient.connect(`http://127.0.0.1:${front.port}`);
    const [dead, slow] = [await connect(), await connect()];
    raw.push(dead, slow);
    dead.socket.pause();
    slow.socket.on('data', () => {
      slow.socket.pause();
      setTimeout(() => slow.socket.resume(), 9);
    });
    const began = performance.now();
    for (const one of [dead, slow]) one.send('GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n');
    await slow.closed;
    expect(performance.now() - began).toBeGreaterThan(limits.sendTimeout * 1.2);
    expect(slow.received.length).toBeGreaterThan(bytes.length);
    dead.socket.resume();
    await dead.closed;
    expect(dead.received.length).toBeLessThan(bytes.length);
    await front.close();
  });

  test('over its head, or its body, is given up', async () => {
    await start({}, { headersTimeout: 200, requestTimeout: 400 });
    const head = (await client()).send('POST /v1/completions HTTP/1.1\r\n');
    const body = (await client()).post(AT, SHORT, 20);
    await Promise.all([head.closed, body.closed]);
    for (const { received } of [head, body]) expect(received).toMatch(/^HTTP\/1.1 408 /);
    await expectAllFree();
  });

  test('between two requests is given up', async () => {
    await start({}, { keepAliveTimeout: 100 });
    const idle = (await client()).post(AT, SHORT);
    await idle.until(/^HTTP\/1.1 200 /);
    await idle.closed;
  });
});

describe('a client that talks nonsense', () => {
  test('gets 400, or 431 for too much of it, and no more of the connection', async () => {
    await start({}, { maxHeaderBytes: 2_048 });
    for (const [text, status] of [
      ['nonsense\r\n\r\n', 400],
      ['GET / HTTP/9.9\r\nhost: x\r\n\r\n', 400],
      ['GET http://[ HTTP/1.1\r\nhost: x\r\n\r\n', 400],
      ['POST / HTTP/1.1\r\nhost: x\r\ncontent-length: -5\r\n\r\n', 400],
      ['POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 5\r\ntransfer-encoding: chunked\r\n\r\n', 400],
      [`GET / HTTP/1.1\r\nhost: x\r\nx: ${'y'.repeat(4_096)}\r\n\r\n`, 431],
    ] as const) {
      const one = (await client()).send(text);
      await one.closed;
      expect(one.received, text).toMatch(new RegExp(`^HTTP/1.1 ${status} `));
    }
    await expectAllFree();
  });

  test('of a length that is no number, or broken chunks, costs nothing', async () => {
    await start();
    const head = 'POST /v1/completions HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n';
    const broken = (await client()).send(`${head}transfer-encoding: chunked\r\n\r\nzz\r\n`);
    await broken.closed;
    // Node would not let these through; another server may.
    for (const length of ['many', '-400000', '1e999', 'NaN']) {
      const headers = { 'content-type': 'application/json', 'content-length': length };
      const request = new Request(server.url + AT, { method: 'POST', headers, body: JSON.stringify(SHORT) });
      expect((await server.handler(request)).status, length).toBe(200);
    }
    await expectAllFree();
  });

  test('in pieces of one byte takes no more room than their bytes', async () => {
    await start();
    const text = JSON.stringify(SHORT).padStart(200_000);
    const room = () => {
      gc();
      const { heapUsed, arrayBuffers } = process.memoryUsage();
      return heapUsed + arrayBuffers;
    };
    const before = room();
    let kept = Number.NaN;
    let at = 0;
    const body = new ReadableStream({
      pull: (controller) => {
        if (at === text.length) kept = room() - before;
        if (at === text.length) controller.close();
        else controller.enqueue(new Uint8Array([text.charCodeAt(at++)]));
      },
    });
    const headers = { 'content-type': 'application/json' };
    const response = await server.handler(
      new Request(server.url + AT, { method: 'POST', headers, body, duplex: 'half' }),
    );
    expect(response.status).toBe(200);
    expect(kept).toBeLessThan(20 * text.length);
  });

  test('with one request behind another gets the answers in order', async () => {
    await start();
    const both = (await client()).post(AT, SHORT).post(AT, { ...SHORT, max_tokens: 0 });
    await both.until(/"param":"max_tokens"/);
    expect(both.received.indexOf('"finish_reason"')).toBeLessThan(both.received.indexOf('"param"'));
  });
});

test('an answer that is on its way is sent to its end before a server that drains has closed', async () => {
  const bytes = 'x'.repeat(2 ** 25);
  const handler = Object.assign(async () => new Response(bytes), { drain: async () => {} });
  const front = await HttpFront.listen(handler, { port: 0, host: '127.0.0.1' });
  const slow = await RawClient.connect(`http://127.0.0.1:${front.port}`);
  raw.push(slow);
  const half = await RawClient.connect(`http://127.0.0.1:${front.port}`);
  raw.push(half.send('GET /'));
  slow.socket.pause();
  slow.send('GET / HTTP/1.1\r\nhost: x\r\n\r\n');
  await new Promise((resolve) => setTimeout(resolve, 200));
  const draining = front.drain(60_000);
  // Longer than what `close` gives last bytes.
  await new Promise((resolve) => setTimeout(resolve, 2_500));
  slow.socket.resume();
  await slow.closed;
  expect(slow.received.length).toBeGreaterThan(bytes.length);
  // Who has sent no request is not waited for.
  await draining;
});

test('answers that nobody reads hold up no server that drains', async () => {
  await start({}, { sendTimeout: 2 ** 30 });
  const headers = { 'content-type': 'application/json' };
  const ask = (body: object) =>
    server.handler(new Request(server.url + AT, { method: 'POST', headers, body: JSON.stringify(body) }));
  const [complete, cut] = [await ask({ ...STREAM, max_tokens: 8 }), await ask(STREAM)];
  const stuck = await client();
  stuck.socket.pause();
  stuck.post(AT, STREAM);
  await expect.poll(() => value('vllm:num_requests_running')).toBe(2);
  await server.front.drain(100);
  for (const [response, end] of [
    [complete, '"finish_reason":"length"'],
    [cut, '"code":"server_is_shutting_down"'],
  ] as const) {
    const events = (await response.text()).split('\n\n');
    expect(events.slice(-3)).toEqual([expect.stringContaining(end), 'data: [DONE]', '']);
  }
});

test('a handler of the user’s own that throws has a 500, and the next request is answered', async () => {
  let failing = true;
  const handler = async () => {
    if (failing) throw new Error('no');
    return new Response('yes');
  };
  const front = await HttpFront.listen(Object.assign(handler, { drain: async () => {} }), {
    ...{ port: 0, host: '127.0.0.1' },
  });
  const at = `http://127.0.0.1:${front.port}`;
  expect((await fetch(at)).status).toBe(500);
  failing = false;
  expect(await (await fetch(at)).text()).toBe('yes');
  await front.close();
});

test('connections beyond the limit are dropped, and taken again when others have gone', async () => {
  await start({}, { maxConnections: 3 });
  const three = [await client(), await client(), await client()];
  for (const one of three) one.post(AT, SHORT);
  for (const one of three) await one.until(/^HTTP\/1.1 200 /);
  const fourth = (await client()).post(AT, SHORT);
  await fourth.closed;
  expect(fourth.received).toBe('');
  for (const one of three) one.destroy();
  await expectAllFree();
});

describe('an engine', () => {
  const broken = (fail: () => never) =>
    altered(tiny.engine, {
      complete: (prompt, options) => {
        const generation = tiny.engine.complete(prompt, options);
        let read = 0;
        return {
          usage: () => generation.usage(),
          cancel: () => generation.cancel(),
          async *[Symbol.asyncIterator]() {
            for await (const token of generation) yield ++read === 3 ? fail() : token;
          },
        };
      },
    });

  test('that fails has a 500 without its reason, and in a stream a last event; the server hears of it', async () => {
    const failures: unknown[] = [];
    const secret = new Error('the secret reason');
    server = await serve(
      broken(() => {
        throw secret;
      }),
      { onFailure: (error) => failures.push(error) },
    );
    const whole = await server.post(AT, SHORT);
    const text = await whole.clone().text();
    expect(await errorIn(whole)).toMatchObject({ status: 500, type: 'server_error', code: 'HR_INTERNAL' });
    expect(text).not.toContain('secret');
    expect(failures).toEqual([secret]);
    const events = (await (await server.post(AT, { ...SHORT, stream: true })).text()).split('\n\n');
    expect(events.slice(-3)).toEqual([expect.stringContaining('"code":"HR_INTERNAL"'), 'data: [DONE]', '']);
    expect(events.join('')).not.toContain('secret');
    expect(failures).toEqual([secret, secret]);
    await expect.poll(() => value('vllm:num_requests_running')).toBe(0);
    expect(await value('vllm:request_success_total', { finished_reason: 'error' })).toBe(2);
  });

  test('has not failed where an answer is given up while more of it is awaited', async () => {
    const failures: unknown[] = [];
    server = await serve(tiny.engine, { onFailure: (error) => failures.push(error) });
    const headers = { 'content-type': 'application/json' };
    const request = new Request(server.url + AT, { method: 'POST', headers, body: JSON.stringify(STREAM) });
    const reader = (await server.handler(request)).body?.getReader();
    await reader?.read();
    const more = reader?.read();
    await reader?.cancel();
    expect(await more).toEqual({ done: true });
    await expectAllFree();
    expect(failures).toEqual([]);
  });

  test('that could not be loaded is unwell for good, and somebody hears of it', async () => {
    const failures: unknown[] = [];
    const why = new Error('no such file');
    server = await serve(Promise.reject(why), { onFailure: (error) => failures.push(error) });
    for (const at of ['/health', '/v1/models'])
      expect(await errorIn(await fetch(server.url + at))).toMatchObject({
        ...{ status: 503, code: 'model_not_loaded' },
      });
    expect(failures).toEqual([why]);
  });

  test('that has ended is unwell, and so is everything else', async () => {
    const other = await tinyEngine();
    server = await serve(other.engine);
    expect((await fetch(`${server.url}/health`)).status).toBe(200);
    const open = await server.post(AT, { ...SHORT, max_tokens: 1_000, stream: true });
    await other.close();
    const events = (await open.text()).split('\n\n');
    expect(events.at(-3)).toContain('"code":"engine_has_ended"');
    for (const at of ['/health', '/v1/models', '/metrics'])
      expect(await errorIn(await fetch(server.url + at))).toMatchObject({
        ...{ status: 503, code: 'engine_has_ended' },
      });
  });
});
