import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, describe, expect, test } from 'vitest';
import { loadRuntime } from './load-runtime.ts';

const parent = mkdtempSync(path.join(tmpdir(), 'headrace-runtime-'));
afterAll(() => rmSync(parent, { recursive: true, force: true }));
const real = createRequire(import.meta.url).resolve('onnxruntime-node');

/** The address of a module beside which this package is installed, if one is given. */
function beside(version?: string, code = ''): string {
  const folder = mkdtempSync(path.join(parent, 'app-'));
  if (version !== undefined) {
    const own = path.join(folder, 'node_modules', 'onnxruntime-node');
    mkdirSync(own, { recursive: true });
    writeFileSync(path.join(own, 'package.json'), JSON.stringify({ name: 'onnxruntime-node', version }));
    writeFileSync(path.join(own, 'index.js'), code);
  }
  return pathToFileURL(path.join(folder, 'app.js')).href;
}

/** The real runtime with sessions that run in another way: `run(session, feeds)`. */
const changed = (run: string) => `
  const ort = require(${JSON.stringify(real)});
  const run = ${run};
  const create = async (...args) => {
    const session = await ort.InferenceSession.create(...args);
    return { run: (feeds) => run(session, feeds), release: () => session.release() };
  };
  module.exports = { ...ort, InferenceSession: { create } };`;

describe('the runtime', () => {
  test('of the development dependencies is taken, and tried once', async () => {
    const { runtime, version } = await loadRuntime();
    expect(version).toBe('1.30.0');
    expect(runtime.InferenceSession).toBeTypeOf('function');
    expect(await loadRuntime()).toBe(await loadRuntime());
  });

  test('is taken where it behaves the same', async () => {
    const same = changed('(session, feeds) => session.run(feeds)');
    await expect(loadRuntime(beside('1.30.4', same))).resolves.toMatchObject({ version: '1.30.4' });
  });

  test.each<[what: string, from: () => string, why: RegExp]>([
    [
      'that is not installed',
      () => beside(),
      /which is not installed\. Install it: npm install onnxruntime-node@/,
    ],
    [
      'of another version',
      () => beside('1.31.0', 'throw 1'),
      /is of version 1\.31\.0, and 1\.30 is supported/,
    ],
    ['of a version that begins alike', () => beside('1.300.0'), /is of version 1\.300\.0/],
    [
      'without its native part',
      () => beside('1.30.0', "throw new Error('libonnxruntime.so: cannot open')"),
      /cannot be loaded \(libonnxruntime\.so: cannot open\)/,
    ],
    [
      'without a package of its own',
      () => beside('1.30.0', "require('onnxruntime-uncommon')"),
      /cannot be loaded \(Cannot find module 'onnxruntime-uncommon'/,
    ],
    [
      'that copies its inputs',
      () => {
        const copy = "new ort.Tensor('float32', feeds.values.data.slice(), feeds.values.dims)";
        return beside('1.30.0', changed(`(session, feeds) => session.run({ ...feeds, values: ${copy} })`));
      },
      /onnxruntime-node 1\.30\.0 copies its inputs/,
    ],
    [
      'that keeps a copy of an input',
      () => {
        const kept = "(kept ??= new ort.Tensor('float32', feeds.values.data.slice(), feeds.values.dims))";
        const run = `(session, feeds) => session.run({ ...feeds, values: ${kept} })`;
        return beside('1.30.0', `let kept; ${changed(run)}`);
      },
      /does not see what has changed in an input/,
    ],
    [
      'that writes all outputs to the same memory',
      () => {
        const into = '({ found: { data: (memory.set(found.data), memory) } })';
        const run = `async (session, feeds) => { const { found } = await session.run(feeds); return ${into}; }`;
        return beside('1.30.0', `const memory = new Float32Array(2); ${changed(run)}`);
      },
      /gives outputs that the next run overwrites/,
    ],
  ])('%s is refused', async (_, from, why) => {
    const failed = loadRuntime(from());
    await expect(failed).rejects.toThrow(/^HR_MODEL_RUNTIME: /);
    await expect(failed).rejects.toThrow(why);
  });
});
