/** `headrace serve` as a user meets it: in a process of its own. */
import { copyFileSync, existsSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Command, tinyFolder } from './command.ts';
import { MetricsPage } from './metrics-page.ts';
import { RawClient } from './raw-client.ts';
import { errorIn } from './tiny-server.ts';

let tiny: ReturnType<typeof tinyFolder>;
beforeAll(() => {
  tiny = tinyFolder();
});
afterAll(() => tiny.remove());

const ANY = ['--port', '0', '--threads', '1'];
const serve = (args: readonly string[] = [], env?: Record<string, string>) =>
  new Command(tiny.folder, ['tiny.gguf', ...ANY, ...args], env);
const refusal = async (args: readonly string[], env?: Record<string, string>) => {
  await using command = new Command(tiny.folder, args, env);
  const { code, out, err } = await command.ended;
  expect([code, out]).toEqual([1, '']);
  return err;
};

const ask = (url: string, body: object, headers: Record<string, string> = {}) =>
  fetch(`${url}/v1/completions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: JSON.stringify({
      ...{ model: 'tiny', prompt: 'The river', temperature: 0, ignore_eos: true },
      ...body,
    }),
  });

describe('headrace serve', () => {
  test('listens, loads, serves, and ends when what is open is answered', async () => {
    await using command = serve(['--kv-blocks', '129', '--max-num-seqs', '8']);
    const url = await command.url();
    const early = await errorIn(await fetch(`${url}/health`));
    expect(early).toMatchObject({ status: 503, code: 'model_is_loading' });
    await command.ready();
    expect((await fetch(`${url}/health`)).status).toBe(200);

    const open = await ask(url, { max_tokens: 900, stream: true });
    command.child.kill('SIGTERM');
    await command.printed(/^Stopping/m);
    expect(await errorIn(await fetch(`${url}/health`))).toMatchObject({
      ...{ status: 503, code: 'server_is_shutting_down' },
    });
    const late = await ask(url, {});
    expect(late.headers.get('retry-after')).toMatch(/^\d+$/);
    expect(await errorIn(late)).toMatchObject({ status: 503, code: 'server_is_shutting_down' });
    // How the last ones fare can still be seen.
    expect((await fetch(`${url}/metrics`)).status).toBe(200);
    const events = (await open.text()).trim().split('\n\n');
    expect(events.at(-1)).toBe('data: [DONE]');
    expect(events.at(-2)).toContain('"finish_reason":"length"');

    const { code, err, out } = await command.ended;
    expect([code, err]).toEqual([0, '']);
    expect(out.split('\n')[1]).toBe(
      'Serving tiny: context of 1,024 tokens, 129 KV blocks of 16 tokens, 8 sequences at a time.',
    );
  });

  test('ends what is open with an error when the time to drain is over', async () => {
    await using command = serve(['--drain', '0']);
    const url = await command.ready();
    const open = await ask(url, { max_tokens: 900, stream: true });
    command.child.kill('SIGINT');
    const events = (await open.text()).trim().split('\n\n');
    expect(events.at(-1)).toBe('data: [DONE]');
    expect(events.at(-2)).toContain('"code":"server_is_shutting_down"');
    expect((await command.ended).code).toBe(0);
  });

  test('loses no request that it has taken, however many there are, and takes no more', async () => {
    await using command = serve(['--max-num-seqs', '8']);
    const url = await command.ready();
    const body = { max_tokens: 200 };
    const expected = (await (await ask(url, body)).json()) as { choices: [{ text: string }] };
    const taken = Array.from({ length: 40 }, async (_, at) => {
      const stream = at % 2 === 0;
      const text = await (await ask(url, { ...body, stream })).text();
      if (!stream) return JSON.parse(text).choices[0].text;
      const events = text.trim().split('\n\n');
      expect(events.at(-1)).toBe('data: [DONE]');
      const chunks = events.slice(0, -1).map((event) => JSON.parse(event.slice('data: '.length)));
      expect(chunks.at(-1).choices[0].finish_reason).toBe('length');
      return chunks.map(({ choices }) => choices[0].text).join('');
    });
    // All have come, and some of them have been answered.
    const come = async () => {
      const page = await MetricsPage.of(url);
      const answered = page.value('vllm:request_success_total', { finished_reason: 'length' });
      return page.value('headrace:open_requests') + answered;
    };
    await expect.poll(come, { interval: 5 }).toBe(41);
    command.child.kill('SIGTERM');
    await command.printed(/^Stopping/m);
    const late: (number | string)[] = [];
    let ended = false;
    const knock = async () => {
      while (!ended)
        late.push(
          await ask(url, {}).then(
            ({ status }) => status,
            () => 'no connection',
          ),
        );
    };
    const knocking = [knock(), knock()];
    for (const text of await Promise.all(taken)) expect(text).toBe(expected.choices[0].text);
    expect(await command.ended).toMatchObject({ code: 0, err: '' });
    ended = true;
    await Promise.all(knocking);
    expect([...new Set(late)].sort()).toEqual([503, 'no connection']);
  });

  test('ends at once at the second signal', async () => {
    await using command = serve();
    const url = await command.ready();
    const open = await ask(url, { max_tokens: 1_000, n: 64, stream: true });
    command.child.kill('SIGTERM');
    await command.printed(/^Stopping/m);
    // As npm does, which hands on what the terminal has sent already.
    command.child.kill('SIGTERM');
    const ended = await Promise.race([command.ended, new Promise((resolve) => setTimeout(resolve, 700))]);
    expect(ended).toBeUndefined();
    command.child.kill('SIGTERM');
    expect((await command.ended).signal).toBe('SIGTERM');
    await expect(open.text()).rejects.toThrow();
  });

  test('ends while the model is being loaded', async () => {
    await using command = serve();
    await command.url();
    command.child.kill('SIGTERM');
    const { code, err, out } = await command.ended;
    expect([code, err]).toEqual([0, '']);
    expect(out).not.toContain('Serving');
  });

  test('takes keys from the command line, the environment and a file', async () => {
    writeFileSync(path.join(tiny.folder, 'keys'), 'of-the-file\n\n');
    const args = ['--api-key', 'one', '--api-key', 'two', '--api-key-file', 'keys'];
    await using command = serve(args, { HEADRACE_API_KEYS: 'three,four' });
    const url = await command.ready();
    for (const key of ['one', 'two', 'three', 'four', 'of-the-file']) {
      const answer = await ask(url, { max_tokens: 1 }, { authorization: `Bearer ${key}` });
      expect(answer.status, key).toBe(200);
    }
    for (const headers of [{}, { authorization: 'Bearer five' }, { authorization: 'one' }] as const)
      expect(await errorIn(await ask(url, {}, headers))).toMatchObject({
        ...{ status: 401, code: 'invalid_api_key' },
      });
  });

  test('without a key answers nobody who takes this machine for another', async () => {
    await using command = serve();
    const url = await command.ready();
    const { port } = new URL(url);
    const status = async (host: string) => {
      const client = await RawClient.connect(url);
      client.send(`GET /v1/models HTTP/1.1\r\nhost: ${host}\r\nconnection: close\r\n\r\n`);
      await client.closed;
      return Number(/^HTTP\/1.1 (\d+) /.exec(client.received)?.[1]);
    };
    for (const host of ['localhost', `127.0.0.1:${port}`, `[::1]:${port}`, 'LOCALHOST:1', '127.1.2.3'])
      expect(await status(host), host).toBe(200);
    for (const host of [
      'evil.example',
      `evil.example:${port}`,
      'localhost.evil.example',
      '10.0.0.1',
      '[::2]',
      'a b',
    ])
      expect(await status(host), host).toBe(421);
    await using locked = serve(['--api-key', 'one']);
    const other = await fetch(`${await locked.ready()}/health`, { headers: { host: 'proxy.example' } });
    expect(other.status).toBe(200);
  });

  test('calls the model what it is told to, or as its file', async () => {
    copyFileSync(`${tiny.folder}/tiny.gguf`, `${tiny.folder}/Some-Name.Q4_1.gguf`);
    await using plain = new Command(tiny.folder, ['./Some-Name.Q4_1.gguf', '--port', '0']);
    const { status } = await fetch(`${await plain.ready()}/v1/models/Some-Name.Q4_1`);
    expect(status).toBe(200);
    await using command = serve(['--served-model-name', 'other/name', '--max-model-len', '64']);
    const url = await command.ready();
    expect(await (await fetch(`${url}/v1/models`)).json()).toMatchObject({
      data: [{ id: 'other/name', max_model_len: 64 }],
    });
  });
});

describe('headrace serve refuses', () => {
  test('to be open to others without a key, before anything is loaded', async () => {
    for (const host of ['0.0.0.0', '::', '192.0.2.1', 'example.org']) {
      const err = await refusal(['tiny.gguf', '--host', host], { XDG_CACHE_HOME: `${tiny.folder}/unused` });
      expect(err).toMatch(/^HR_OPTION_INVALID: Others can reach .*\n {2}hint {3}Set HEADRACE_API_KEYS/);
    }
    expect(existsSync(`${tiny.folder}/unused`)).toBe(false);
    await using command = serve(['--host', '0.0.0.0'], { HEADRACE_API_KEYS: 'secret' });
    await command.ready();
  });

  test('keys that cannot be, without printing them', async () => {
    for (const env of ['', ' , ']) {
      expect(await refusal(['tiny.gguf'], { HEADRACE_API_KEYS: env })).toMatch(
        /HR_OPTION_INVALID: There is no API key in HEADRACE_API_KEYS/,
      );
    }
    const err = await refusal(['tiny.gguf', '--api-key', 'clé secrète']);
    expect(err).toMatch(/HR_OPTION_INVALID: An API key is/);
    expect(err).not.toContain('secr');
    expect(await refusal(['tiny.gguf', '--api-key-file', 'nowhere'])).toMatch(/^HR_NOT_FOUND: /);
  });

  test('a model that is not there, not pulled, or damaged', async () => {
    expect(await refusal(['nothing.gguf'])).toMatch(/^HR_NOT_FOUND: There is no file 'nothing.gguf'/);
    expect(await refusal(['smollm2'])).toMatch(/hint {3}Fetch it: npx headrace model pull smollm2/);
    writeFileSync(path.join(tiny.folder, 'broken.gguf'), 'GGUF');
    await using command = new Command(tiny.folder, ['broken.gguf', ...ANY]);
    const { code, err } = await command.ended;
    expect([code, err]).toEqual([1, expect.stringMatching(/^HR_DATA_CORRUPT: /)]);
  });

  test('limits that cannot be', async () => {
    expect(await refusal(['tiny.gguf', '--port', '70000'])).toMatch(/a whole number from 0 to 65535/);
    expect(await refusal(['tiny.gguf', '--scheduling-policy', 'lifo'])).toMatch(/fcfs, priority/);
    // Requests could not name it.
    for (const name of ['', 'x'.repeat(513)])
      expect(await refusal(['tiny.gguf', '--served-model-name', name])).toMatch(/1 to 512 letters/);
    for (const [args, what] of [
      [['--max-model-len', '2000'], 'maxModelLen is 2000, and the context of the model is 1024 tokens'],
      [
        ['--max-model-len', '512', '--kv-blocks', '20'],
        'maxModelLen is 512, and 20 blocks of the KV cache hold 304',
      ],
    ] as const) {
      await using command = serve(args);
      const { code, err } = await command.ended;
      expect([code, err]).toEqual([1, expect.stringContaining(what)]);
    }
  });

  test('an option that there is not, in two lines', async () => {
    const err = await refusal(['tiny.gguf', '--prot', '8000']);
    expect(err).toMatch(/^error: unknown option '--prot'\n\(Did you mean --port\?\)\n+Add --help .*\n$/);
  });

  test('a port that is taken', async () => {
    const other = createServer().listen(0, '127.0.0.1');
    await new Promise((resolve) => other.once('listening', resolve));
    const { port } = other.address() as { port: number };
    expect(await refusal(['tiny.gguf', '--port', String(port)])).toMatch(/^HR_IO: .*EADDRINUSE.*\n.*--port/);
    other.close();
  });
});
