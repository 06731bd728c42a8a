import { chmodSync, mkdirSync, mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { benchSteps, lintSteps, testSteps } from './checks.mjs';
import { wasmCheck } from './wasm.mjs';

test('the tests run the quick checks of both languages before anything slow', () => {
  const names = testSteps([]).map((step) => step.name);
  expect(names).toEqual(['biome', 'rustfmt', 'clippy', 'wasm32', 'tsc', 'cargo', 'weights', 'vitest']);
});

test('one step can be asked for, with arguments of its own', () => {
  const [step, ...others] = testSteps(['vitest', 'ts/api', '--bail=1']);
  expect(others).toEqual([]);
  expect(step.args).toEqual(['run', 'ts/api', '--bail=1']);
});

test('the tests in Rust are those of all crates, or of the crates that are named', () => {
  const args = (...named) => testSteps(['cargo', ...named])[0].args.slice(3);
  expect(args('paged')).toEqual(['--workspace', '--exclude', 'headrace-node', 'paged']);
  expect(args('-p', 'headrace-core', '--', '--nocapture')).toEqual([
    '-p',
    'headrace-core',
    '--',
    '--nocapture',
  ]);
  expect(args('--package=headrace-core')).toEqual(['--package=headrace-core']);
  // What stands behind `--` is for the tests.
  expect(args('--', '-p')).toContain('--workspace');
});

test('a step or benchmark that is not there is refused with the list of those that are', () => {
  expect(() => testSteps(['vite'])).toThrow(
    'No test step is called vite. There are: biome, rustfmt, clippy,',
  );
  expect(() => benchSteps([])).toThrow(/NAME is one of: kernels/);
  expect(() => benchSteps(['../package'])).toThrow(/NAME is one of/);
});

test('lint only reads unless it is told to fix', () => {
  expect(lintSteps([]).flatMap((step) => step.args)).not.toContain('--write');
  expect(lintSteps(['--fix']).flatMap((step) => step.args)).toContain('--write');
});

describe.skipIf(process.platform === 'win32')('the check for the browser', () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'headrace-wasm-'));

  /** A compiler that answers with two folders, one of which may be there. */
  function fakeCompiler(name, answers) {
    const file = path.join(folder, name);
    writeFileSync(
      file,
      `#!/bin/sh\ncase "$2" in\ntarget-libdir) echo ${answers.library};;\n*) echo ${answers.sysroot};;\nesac\n`,
    );
    chmodSync(file, 0o755);
    return file;
  }

  test('uses the standard library that is installed', () => {
    const RUSTC = fakeCompiler('installed', { library: folder, sysroot: '/nowhere' });
    const { args, env } = wasmCheck('cargo', { PATH: process.env.PATH, RUSTC });
    expect(args.join(' ')).toBe(
      'check --release --target wasm32-unknown-unknown -p headrace-core -p headrace-plan -p headrace-sketch -p headrace-state -p headrace-expr -p headrace-operators -p headrace-kv -p headrace-sample',
    );
    expect(env).toEqual({});
  });

  test('builds it with a compiler that has the sources, in a target folder of its own', () => {
    mkdirSync(path.join(folder, 'lib/rustlib/src/rust/library/vendor'), { recursive: true });
    const RUSTC = fakeCompiler('bare', { library: '/nowhere', sysroot: '/nowhere' });
    const HEADRACE_WASM_RUSTC = fakeCompiler('sources', { library: '/nowhere', sysroot: folder });
    const how = wasmCheck('cargo', {
      PATH: process.env.PATH,
      RUSTC,
      HEADRACE_WASM_RUSTC,
      CARGO_TARGET_DIR: '/t',
    });
    expect(how.args).toContain('-Zbuild-std=std,panic_abort');
    expect(how.env).toEqual({
      RUSTC: HEADRACE_WASM_RUSTC,
      RUSTC_BOOTSTRAP: '1',
      CARGO_TARGET_DIR: '/t-wasm',
    });
  });

  test('says what to do where neither is there', () => {
    const RUSTC = fakeCompiler('neither', { library: '/nowhere', sysroot: '/nowhere' });
    const how = wasmCheck('cargo', { PATH: process.env.PATH, RUSTC, HEADRACE_WASM_RUSTC: RUSTC });
    expect(how.skip).toContain('rustup target add wasm32-unknown-unknown');
  });
});
