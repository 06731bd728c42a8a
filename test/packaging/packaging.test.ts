// The packages as a user gets them: packed, installed offline into an empty folder, run without a Rust toolchain.

import { spawnSync } from 'node:child_process';
import { cpSync, readdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { packageProgram } from '../../scripts/setup/checks.mjs';
import { root } from '../../scripts/setup/places.mjs';
import { tinyFile } from '../llm/tiny-model.ts';
import { Command } from '../serve/command.ts';
import { installNodes, Sandbox, type Tarballs } from './sandbox.ts';

const sandbox = new Sandbox();
let tarballs: Tarballs;
let dependencies: string[];
let folder: string;
let nodes: Awaited<ReturnType<typeof installNodes>>;

/** What is in the installed package, by its manifest. */
const installed = (name: string) => path.join(folder, 'node_modules', name);
const manifestOf = (name: string) =>
  JSON.parse(readFileSync(path.join(installed(name), 'package.json'), 'utf8'));

function platformPackage(): string {
  return path.basename(tarballs.platform).replace(/-\d+\.\d+\.\d+\.tgz$/, '');
}

beforeAll(async () => {
  nodes = await installNodes();
  tarballs = sandbox.pack();
  dependencies = sandbox.packDependencies();
  folder = sandbox.install('user', [tarballs.platform, tarballs.root, ...dependencies]);
  cpSync(fileURLToPath(new URL('./consumer', import.meta.url)), folder, { recursive: true });
}, 300_000);

afterAll(() => sandbox.remove());

describe('the root package', () => {
  test('holds the compiled library, its types and the papers, and nothing else', () => {
    const files = readdirSync(installed('headrace'), { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => path.relative(installed('headrace'), path.join(entry.parentPath, entry.name)));
    const papers = files.filter((file) => !file.startsWith('dist/')).sort();
    expect(papers).toEqual(['CHANGELOG.md', 'LICENSE', 'README.md', 'package.json']);
    const strange = files.filter(
      (file) => file.startsWith('dist/') && !/^dist\/[a-z0-9/-]+\.(js|d\.ts)$/.test(file),
    );
    expect(strange).toEqual([]);
    expect(files).toContain('dist/index.d.ts');
    expect(statSync(tarballs.root).size).toBeLessThan(400_000);
  });

  test('has a manifest for users: no scripts, no development, the platform package of the same version', () => {
    const manifest = manifestOf('headrace');
    expect(Object.keys(manifest)).not.toContain('scripts');
    expect(Object.keys(manifest)).not.toContain('devDependencies');
    expect(manifest.optionalDependencies[platformPackage()]).toBe(manifest.version);
    expect(manifest.peerDependencies).toEqual({ 'onnxruntime-node': '~1.30.0' });
    expect(manifest.peerDependenciesMeta).toEqual({ 'onnxruntime-node': { optional: true } });
  });

  test('is clean by publint', () => {
    const ended = sandbox.run(process.execPath, folder, packageProgram('publint'), tarballs.root, '--strict');
    expect(ended.stdout + ended.stderr).toContain('All good!');
    expect(ended.code).toBe(0);
  });

  test('is clean by are-the-types-wrong', () => {
    const attw = packageProgram('@arethetypeswrong/cli', 'attw');
    const ended = sandbox.run(process.execPath, folder, attw, tarballs.root, '--profile', 'esm-only');
    expect(ended.code, ended.stdout + ended.stderr).toBe(0);
  });

  test('has types that tsc resolves, and that know the columns', () => {
    const ended = sandbox.run(process.execPath, folder, packageProgram('typescript', 'tsc'), '-p', folder);
    expect(ended.stdout).toBe('');
    expect(ended.code).toBe(0);
  });

  test('can be imported when it is installed alone, and says which package is missing when one is run', () => {
    const alone = sandbox.install('alone', [tarballs.root, ...dependencies]);
    const script =
      "const { explain, sink, source, t } = await import('headrace'); console.log('imported');\
      await explain(source.rows([], { schema: { id: t.i64() } }).to(sink.blackhole()))";
    for (const [, node] of nodes) {
      const ended = sandbox.run(node, alone, '--input-type=module', '--eval', script);
      expect(ended.stdout).toBe('imported\n');
      expect(ended.stderr).toContain('HR_NATIVE_MISSING');
      expect(ended.stderr).toContain(`Install the optional package ${platformPackage()}`);
      expect(ended.code).toBe(1);
    }
  });
});

test('the platform package is for this platform only and holds the library', () => {
  const manifest = manifestOf(platformPackage());
  expect([manifest.os, manifest.cpu]).toEqual([[process.platform], [process.arch]]);
  expect(readdirSync(installed(platformPackage())).sort()).toEqual([
    'LICENSE',
    'headrace.node',
    'package.json',
  ]);
  expect(statSync(tarballs.platform).size).toBeLessThan(15_000_000);
});

describe.each(['22.18', '24'])('on Node %s', (version) => {
  const node = () => nodes.find(([name]) => name === version)?.[1] ?? '';

  test('a program runs a pipeline on the native engine', () => {
    const ended = sandbox.run(node(), folder, 'main.ts');
    expect(ended.code, ended.stderr).toBe(0);
    // 1,000 rows, one a minute: 17 hours with both sensors in each; the sum is 0 + … + 999.
    expect(JSON.parse(ended.stdout)).toEqual({
      node: expect.stringMatching(`^v${version}\\.`),
      outcome: 'finished',
      windows: 34,
      readings: 1000,
      total: 499_500,
      driven: 1,
    });
  });

  test('CommonJS can require it', () => {
    const script = "console.log(typeof require('headrace').run)";
    const ended = sandbox.run(node(), folder, '--input-type=commonjs', '--eval', script);
    expect(ended.stdout, ended.stderr).toBe('function\n');
  });

  test('the command line says its version, runs and explains a pipeline', () => {
    const bin = path.join(folder, 'node_modules', '.bin', 'headrace');
    expect(sandbox.run(node(), folder, bin, '--version').stdout.trim()).toBe(manifestOf('headrace').version);
    const ran = sandbox.run(node(), folder, bin, 'run', 'pipeline.ts', '--json');
    expect(ran.code, ran.stderr).toBe(0);
    expect(JSON.parse(ran.stdout)).toMatchObject({ outcome: 'finished', metrics: { rowsIn: 1000 } });
    expect(sandbox.run(node(), folder, bin, 'explain', 'pipeline.ts').code).toBe(0);
  });
});

test.skipIf(process.platform === 'win32')('the command is executable by its name', () => {
  const [, node] = nodes[1] as (typeof nodes)[number];
  const bin = path.join(folder, 'node_modules', '.bin', 'headrace');
  const env = { PATH: `${path.dirname(node)}:/usr/bin:/bin` };
  expect(spawnSync(bin, ['--version'], { env, encoding: 'utf8' }).stdout).toMatch(/^\d+\.\d+\.\d+\n$/);
});

describe.each(['22.18', '24'])('headrace serve on Node %s', (version) => {
  const node = () => nodes.find(([name]) => name === version)?.[1] ?? '';
  const serve = (folder: string) => {
    writeFileSync(path.join(folder, 'tiny.gguf'), tinyFile({ type: 'Q4_1', embedding: 'Q8_0' }));
    const main = path.join(folder, 'node_modules', 'headrace', 'dist', 'cli', 'main.js');
    return new Command(folder, ['tiny.gguf', '--port', '0', '--threads', '1'], {}, { node: node(), main });
  };

  test('says the one command that installs what runs models, where it is missing', async () => {
    await using command = serve(folder);
    expect(await command.ended).toEqual({
      ...{ code: 1, signal: null, out: '' },
      err: 'HR_MODEL_RUNTIME: Models run on onnxruntime-node, which is not installed.\n  hint   Install it: npm install onnxruntime-node@1.30.0\n',
    });
  });

  test('answers, and ends when it is told to', async () => {
    const other = sandbox.install(`serving-${version}`, [tarballs.platform, tarballs.root, ...dependencies]);
    // Too large to be packed for each test.
    const runtime = path.join('node_modules', 'onnxruntime-node');
    symlinkSync(path.join(root, runtime), path.join(other, runtime));
    await using command = serve(other);
    const url = await command.ready();
    const response = await fetch(`${url}/v1/completions`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ model: 'tiny', prompt: 'The river', max_tokens: 5, ignore_eos: true }),
    });
    expect(await response.json()).toMatchObject({ usage: { completion_tokens: 5 } });
    command.child.kill('SIGTERM');
    expect(await command.ended).toMatchObject({ code: 0, err: '' });
  });
});
