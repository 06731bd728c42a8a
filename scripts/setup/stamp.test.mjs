import { mkdirSync, mkdtempSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { beforeEach, describe, expect, test } from 'vitest';
import { addonOf, nativeIsCurrent, nativeStamp } from './native.mjs';
import { packagesAreCurrent } from './packages.mjs';
import { platformName } from './places.mjs';
import { hashOf, isStamped, writeStamp } from './stamp.mjs';

let base;
beforeEach(() => {
  base = mkdtempSync(path.join(tmpdir(), 'headrace-stamp-'));
  write('Cargo.toml', '[workspace]');
  write('crates/core/src/lib.rs', 'fn a() {}');
});

function write(name, text) {
  const file = path.join(base, name);
  mkdirSync(path.dirname(file), { recursive: true });
  writeFileSync(file, text);
  return file;
}

const stampFile = (name) => path.join(base, 'node_modules', '.cache', 'headrace', name);

test('texts that are cut differently hash differently', () => {
  expect(hashOf('ab', 'c')).not.toBe(hashOf('a', 'bc'));
});

test('a stamp holds until it is overwritten', () => {
  const file = stampFile('any');
  expect(isStamped(file, 'one')).toBe(false);
  writeStamp(file, 'one');
  expect(isStamped(file, 'one')).toBe(true);
  writeStamp(file, 'two');
  expect(isStamped(file, 'one')).toBe(false);
});

describe('the native stamp', () => {
  test.each([
    ['a source grows', () => write('crates/core/src/lib.rs', 'fn a() { a() }')],
    [
      'a source of the same size is written again',
      () => utimesSync(write('crates/core/src/lib.rs', 'fn b() {}'), 9, 9),
    ],
    ['a source comes', () => write('crates/core/src/new.rs', '')],
    ['a source goes', () => rmSync(path.join(base, 'crates/core/src/lib.rs'))],
    [
      'a source is renamed',
      () => {
        rmSync(path.join(base, 'crates/core/src/lib.rs'));
        write('crates/core/src/bil.rs', 'fn a() {}');
      },
    ],
    ['the lockfile comes', () => write('Cargo.lock', '')],
  ])('changes when %s', (_, change) => {
    const before = nativeStamp(base, {});
    change();
    expect(nativeStamp(base, {})).not.toBe(before);
  });

  test('changes with the flags of the compiler', () => {
    expect(nativeStamp(base, { RUSTFLAGS: '-C target-cpu=native' })).not.toBe(nativeStamp(base, {}));
  });

  test('does not change with products', () => {
    const before = nativeStamp(base, {});
    write('bindings/node/headrace.node', 'binary');
    write('crates/core/target/release/x', 'binary');
    write('ts/index.ts', '');
    expect(nativeStamp(base, {})).toBe(before);
  });

  test('is not enough without the addon itself', () => {
    writeStamp(stampFile('native'), nativeStamp(base, {}));
    expect(nativeIsCurrent(base, {})).toBe(false);
    write(path.relative(base, addonOf(base)), 'binary');
    expect(nativeIsCurrent(base, {})).toBe(true);
  });
});

test('packages are current for one lockfile on one platform', () => {
  write('package-lock.json', '{}');
  expect(packagesAreCurrent(base)).toBe(false);
  writeStamp(stampFile('packages'), hashOf('{}', 'another-platform'));
  expect(packagesAreCurrent(base)).toBe(false);
  writeStamp(stampFile('packages'), hashOf('{}', platformName()));
  expect(packagesAreCurrent(base)).toBe(true);
  write('package-lock.json', '{ }');
  expect(packagesAreCurrent(base)).toBe(false);
});
