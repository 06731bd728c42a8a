/** Requests that cannot be: each is refused in OpenAI's shape, and the next one is answered as if nothing had been. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Refusal, type Refusals, refusals, SOUND } from './refusals.ts';
import { errorIn, serve } from './tiny-server.ts';

const MAX_BODY = 2 * 1024 * 1024;

let on: Refusals;
beforeAll(async () => {
  on = await refusals();
});
afterAll(() => on.close());

describe('a prompt', () => {
  const prompt = (value: unknown, refusal: Refusal) => on.refused('completions', { prompt: value }, refusal);

  test('that is empty is refused', async () => {
    for (const value of ['', [], [''], [[]]]) await prompt(value, { status: 400, param: 'prompt' });
    await prompt(null, { status: 400, param: 'prompt', code: 'missing_required_parameter' });
    for (const value of [[], null])
      await on.refused('chat', { messages: value }, { status: 400, param: 'messages' });
  });

  test('of tokens that do not exist, or of several prompts, is refused', async () => {
    for (const value of [
      [512],
      [-1],
      [1.5],
      [3, '4'],
      [3, null],
      [1e300],
      [[3], [4]],
      ['a', 'b'],
      [[[3]]],
      [{}],
    ])
      await prompt(value, { status: 400, param: 'prompt' });
  });

  test('that is longer than the context is refused, and one that just fits is served', async () => {
    const code = 'context_length_exceeded';
    const tokens = (count: number) => Array.from({ length: count }, (_, at) => 3 + (at % 400));
    for (const count of [1_024, 1_025, 50_000])
      await prompt(tokens(count), { status: 400, param: 'prompt', code });
    await prompt('water '.repeat(20_000), { status: 400, param: 'prompt', code });
    await on.refused('completions', { prompt: tokens(1_000), max_tokens: 25 }, { status: 400, code });
    await on.refused('completions', { max_tokens: 131_072 }, { status: 400, code });
    await on.served('completions', { prompt: tokens(1_022) });
    const content = 'water '.repeat(20_000);
    await on.refused(
      'chat',
      { messages: [{ role: 'user', content }] },
      { status: 400, param: 'messages', code },
    );
  });
});

describe('a message', () => {
  const message = (value: unknown, param: string, code?: string) =>
    on.refused(
      'chat',
      { messages: [{ role: 'user', content: 'one' }, value] },
      { status: 400, param: `messages[1]${param}`, ...(code && { code }) },
    );

  test('of nobody, or without content, is refused', async () => {
    for (const value of ['text', 5, null, [], ['user', 'text']]) await message(value, '');
    for (const role of ['tool', 'function'])
      await message({ role, content: 'x' }, '.role', 'unsupported_parameter');
    for (const role of ['User', '', 5, {}, ['user'], '__proto__'])
      await message({ role, content: 'x' }, '.role');
    for (const content of [5, {}, true]) await message({ role: 'user', content }, '.content');
    for (const nothing of [null, undefined]) {
      const missing = 'missing_required_parameter';
      await message({ role: nothing, content: 'x' }, '.role', missing);
      await message({ role: 'user', content: nothing }, '.content', missing);
      await message(
        { role: 'user', content: [{ type: 'text', text: nothing }] },
        '.content[0].text',
        missing,
      );
    }
    await message({ role: 'user', content: ['x'] }, '.content[0]');
    await message({ role: 'user', content: [{ type: 'text', text: 5 }] }, '.content[0].text');
  });

  test('with images, sound, files, tools or a name is refused', async () => {
    const unsupported = 'unsupported_parameter';
    for (const part of [
      { type: 'image_url', image_url: { url: 'data:image/png;base64,AAAA' } },
      { type: 'input_audio', input_audio: { data: 'AAAA', format: 'wav' } },
      { type: 'file', file: { file_id: 'x' } },
      { type: 'refusal', refusal: 'no' },
      {},
    ]) {
      const content = [{ type: 'text', text: 'What is it?' }, part];
      await message({ role: 'user', content }, '.content[1].type', unsupported);
    }
    const call = { id: 'x', type: 'function', function: { name: 'f', arguments: '{}' } };
    await message({ role: 'assistant', content: 'x', tool_calls: [call] }, '.tool_calls', unsupported);
    await message({ role: 'assistant', content: 'x', function_call: {} }, '.function_call', unsupported);
    await message({ role: 'user', content: 'x', name: 'me' }, '.name', unsupported);
    const part = { type: 'text', text: 'x', cache_control: { type: 'ephemeral' } };
    await message({ role: 'user', content: [part] }, '.content[0].cache_control', unsupported);
  });
});

describe('a body', () => {
  const body = async (content: NonNullable<RequestInit['body']>, refusal: Refusal, init: RequestInit = {}) =>
    on.expectRefusal(
      await fetch(`${on.server.url}/v1/completions`, {
        ...{ method: 'POST', body: content, ...init },
        headers: { 'content-type': 'application/json', ...(init.headers as Record<string, string>) },
      }),
      refusal,
    );

  test('that is no JSON object is refused', async () => {
    const sound = JSON.stringify(SOUND.completions);
    const invalid = { status: 400, param: null, code: 'invalid_json' };
    for (const text of [
      '',
      ' ',
      'nothing',
      '[]',
      '"text"',
      '5',
      'null',
      sound.slice(0, -1),
      `${sound}{}`,
      "{'a':1}",
    ])
      await body(text, invalid);
    await body('{"prompt":NaN}', invalid);
  });

  test('that is not UTF-8 is refused', async () => {
    for (const bytes of [[0xff], [0xc3], [0xed, 0xa0, 0x80], [0xc0, 0x80], [0xf4, 0x90, 0x80, 0x80]]) {
      const text = Buffer.concat([
        Buffer.from('{"model":"tiny","prompt":"'),
        Buffer.from(bytes),
        Buffer.from('"}'),
      ]);
      await body(text, { status: 400, code: 'invalid_utf8' });
    }
    await body(Buffer.from(JSON.stringify(SOUND.completions), 'utf16le'), {
      status: 400,
      code: 'invalid_json',
    });
  });

  test('that is deep is refused where it is looked at, and does no harm where it is not', async () => {
    const deep = (open: string, close: string) => open.repeat(200_000) + close.repeat(200_000);
    const list = deep('[', ']');
    const object = deep('{"a":', '}').replace('}', '1}');
    const within = (name: string, value: string) =>
      `{"model":"tiny","temperature":0,"max_tokens":1,${name === 'prompt' ? '' : '"prompt":"x",'}"${name}":${value}}`;
    for (const value of [list, object]) {
      for (const name of ['prompt', 'stop', 'logit_bias', 'temperature', 'response_format'])
        await body(within(name, value), { status: 400, param: /./ });
      const ignored = await on.server.post('/v1/completions', within('metadata', value));
      expect(ignored.status).toBe(200);
      await body(value, { status: 400 });
    }
    const messages = `{"model":"tiny","messages":[{"role":"user","content":${list}}]}`;
    const response = await on.server.post('/v1/chat/completions', messages);
    await on.expectRefusal(response, { status: 400, param: 'messages[0].content[0]' });
  });

  test('that is too large is refused, whether or not it says so', async () => {
    const large = JSON.stringify({ ...SOUND.completions, prompt: 'x'.repeat(MAX_BODY) });
    await body(large, { status: 413, code: 'request_too_large' });
    const chunks = new ReadableStream({
      start(controller) {
        for (let at = 0; at < large.length; at += 65_536)
          controller.enqueue(Buffer.from(large.slice(at, at + 65_536)));
        controller.close();
      },
    });
    await body(chunks, { status: 413, code: 'request_too_large' }, { duplex: 'half' });
  });

  test('with as much of anything as it holds is refused', async () => {
    const many = (text: string) => Array(Math.floor((MAX_BODY - 200) / (text.length + 1))).fill(text);
    const list = (name: string, text: string) =>
      `{"model":"tiny","prompt":"x","${name}":[${many(text).join(',')}]}`.replace(
        name === 'prompt' ? '"prompt":"x",' : '',
        '',
      );
    await body(list('prompt', '5'), { status: 400, code: 'context_length_exceeded' });
    await body(list('prompt', '"x"'), { status: 400, param: 'prompt' });
    await body(list('stop', '"x"'), { status: 400, param: 'stop' });
    const messages = many('{"role":"user","content":"x"}').join(',');
    const chat = await on.server.post('/v1/chat/completions', `{"model":"tiny","messages":[${messages}]}`);
    await on.expectRefusal(chat, { status: 400, param: 'messages' });
    const parts = many('{"type":"text","text":"x"}').join(',');
    const one = `{"model":"tiny","messages":[{"role":"user","content":[${parts}]}]}`;
    await on.expectRefusal(await on.server.post('/v1/chat/completions', one), {
      status: 400,
      param: 'messages',
    });
    const names = many('"abcdefg":1').map((pair, at) => pair.replace('abcdefg', String(at).padStart(7, 'x')));
    await body(`{${names.join(',')}}`, { status: 400, code: 'unknown_parameter' });
  });

  test('of another type is refused before it is read', async () => {
    for (const type of [
      'text/plain',
      'application/x-www-form-urlencoded',
      'multipart/form-data; boundary=x',
      'json',
      '',
    ]) {
      const refusal = { status: 415, code: 'unsupported_media_type' };
      await body(JSON.stringify(SOUND.completions), refusal, { headers: { 'content-type': type } });
    }
    const utf8 = { headers: { 'content-type': 'application/json; charset=utf-8' } };
    expect((await on.server.post('/v1/completions', SOUND.completions, utf8)).status).toBe(200);
  });
});

describe('an endpoint', () => {
  const request = async (method: string, at: string, refusal: Refusal) => {
    const response = await fetch(on.server.url + at, { method });
    await on.expectRefusal(response, refusal, `${method} ${at}`);
    return response;
  };

  test('that does not exist is refused', async () => {
    const unknown = { status: 404, param: null, code: 'unknown_endpoint' };
    for (const at of [
      '/',
      '/v1',
      '/v1/',
      '/v1/embeddings',
      '/v1/responses',
      '/v1/models/',
      '/V1/models',
      '/v1//models',
      '//v1/models',
    ])
      for (const method of ['GET', 'POST', 'DELETE']) await request(method, at, unknown);
    const twice = await errorIn(await fetch(`${on.server.url}//v1/models`));
    expect(twice.message).toContain('no endpoint //v1/models; there are /v1/chat/completions, ');
    for (const at of [
      '/v1/audio/speech',
      '/v1/images/generations',
      '/v1/files',
      '/v1/chat',
      `/${'x'.repeat(8_000)}`,
    ])
      await request('POST', at, unknown);
    await request('GET', '/v1/models/%00%ff%2e%2e%2fetc', { status: 404, code: 'model_not_found' });
  });

  test('is refused to other methods, which are named', async () => {
    const wrong = { status: 405, code: 'method_not_allowed' };
    for (const at of ['/v1/chat/completions', '/v1/completions', '/tokenize', '/detokenize'])
      for (const method of ['GET', 'PUT', 'DELETE', 'PATCH', 'OPTIONS'])
        expect((await request(method, at, wrong)).headers.get('allow')).toBe('POST');
    for (const at of ['/v1/models', '/v1/models/tiny', '/metrics', '/health'])
      for (const method of ['POST', 'PUT', 'DELETE', 'OPTIONS'])
        expect((await request(method, at, wrong)).headers.get('allow')).toBe('GET, HEAD');
  });

  test('that can be read has a head, which is that of its answer without the answer', async () => {
    for (const at of ['/health', '/v1/models', '/v1/models/tiny', '/metrics', '/v1/models/none', '/none']) {
      const [got, head] = [
        await fetch(on.server.url + at),
        await fetch(on.server.url + at, { method: 'HEAD' }),
      ];
      expect([head.status, head.headers.get('content-type')], at).toEqual([
        got.status,
        got.headers.get('content-type'),
      ]);
      expect(await head.text()).toBe('');
      const direct = await on.server.handler(new Request(on.server.url + at, { method: 'HEAD' }));
      expect([direct.status, direct.body]).toEqual([got.status, null]);
    }
    const head = await fetch(`${on.server.url}/v1/completions`, { method: 'HEAD' });
    expect([head.status, head.headers.get('allow')]).toEqual([405, 'POST']);
  });

  test('that turns texts into tokens and back takes nothing else', async () => {
    const bad = async (at: string, content: object, refusal: Refusal) =>
      on.expectRefusal(await on.server.post(at, content), refusal, `${at} ${JSON.stringify(content)}`);
    const missing = { status: 400, code: 'missing_required_parameter' };
    for (const content of [{}, { prompt: null }])
      await bad('/tokenize', content, { ...missing, param: 'prompt' });
    const nothing = { prompt: 'x', messages: null, model: null };
    expect((await on.server.post('/tokenize', nothing)).status).toBe(200);
    await bad('/detokenize', {}, { ...missing, param: 'tokens' });
    for (const content of [{ prompt: 5 }, { prompt: '\ud800' }, { prompt: '' }])
      await bad('/tokenize', content, { status: 400, param: 'prompt' });
    await bad('/tokenize', { messages: [] }, { status: 400, param: 'messages' });
    await bad('/tokenize', { prompt: 'x', messages: [{ role: 'user', content: 'x' }] }, { status: 400 });
    await bad(
      '/tokenize',
      { prompt: 'x', add_special_tokens: true },
      { status: 400, code: 'unknown_parameter' },
    );
    await bad('/tokenize', { prompt: 'x', model: 'other' }, { status: 404, param: 'model' });
    for (const tokens of [[], '', 'text', [512], [-1], ['5'], {}])
      await bad('/detokenize', { tokens }, { status: 400, param: 'tokens' });
    await bad('/detokenize', { tokens: [5], prompt: 'x' }, { status: 400, code: 'unknown_parameter' });
  });
});

test('a key that is missing or wrong is refused before anything is read', async () => {
  const locked = await serve(on.tiny.engine, { apiKeys: ['one', 'two'] });
  const ask = (at: string, headers: Record<string, string>, method = 'POST') =>
    fetch(locked.url + at, { method, headers, ...(method === 'POST' && { body: '{}' }) });
  for (const authorization of [
    '',
    'one',
    'Bearer',
    'Bearer three',
    'Bearer on',
    'Bearer onee',
    'Basic one',
    'Bearer one two',
  ]) {
    for (const at of ['/v1/completions', '/tokenize', '/nowhere'])
      await on.expectRefusal(await ask(at, { authorization }), {
        status: 401,
        param: null,
        code: 'invalid_api_key',
      });
    for (const at of ['/v1/models', '/metrics']) {
      const response = await ask(at, { authorization }, 'GET');
      expect(response.headers.get('www-authenticate')).toBe('Bearer');
      await on.expectRefusal(response, { status: 401, code: 'invalid_api_key' });
    }
  }
  expect((await ask('/health', {}, 'GET')).status).toBe(200);
  expect((await ask('/v1/models', { authorization: 'bearer  two' }, 'GET')).status).toBe(200);
  await locked.front.close();
});
