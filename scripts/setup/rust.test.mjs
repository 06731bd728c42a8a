import { spawnSync } from 'node:child_process';
import { chmodSync, cpSync, existsSync, mkdirSync, mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { beforeEach, describe, expect, test } from 'vitest';
import { root } from './places.mjs';
import { cargoEnvironment, findCargo, isOlder, requireToolchain, whatIsMissing } from './rust.mjs';

test.each([
  ['1.94.9', '1.95', true],
  ['1.95.0', '1.95', false],
  ['1.100.0', '1.95', false],
  ['2.0', '1.95.3', false],
])('%s is older than %s: %s', (a, b, expected) => {
  expect(isOlder(a, b)).toBe(expected);
});

test('what is missing is said with one command that installs all of it', () => {
  const env = { PATH: '', HOME: '/nowhere' };
  const nothing = whatIsMissing(false, false, env, 'ID=debian');
  expect(nothing).toContain('Missing here: a C compiler and the Rust toolchain. Run:');
  expect(nothing).toMatch(/^ {2}(sudo )?apt-get update .*build-essential.* && curl .*rustup\.rs/m);
  expect(whatIsMissing(true, false, env, 'ID=alpine')).toMatch(/^ {2}(sudo )?apk add build-base curl$/m);
  expect(whatIsMissing(true, false, env, 'ID="rocky"\nID_LIKE="rhel centos fedora"')).toContain(
    'dnf install',
  );
  expect(whatIsMissing(false, true, env, '')).not.toContain('apt-get');
});

describe.skipIf(process.platform === 'win32')('on a machine', () => {
  let home;
  beforeEach(() => {
    home = mkdtempSync(path.join(tmpdir(), 'headrace-rust-'));
    writeFileSync(path.join(home, 'Cargo.toml'), '[workspace.package]\nrust-version = "1.95"\n');
  });

  function fake(name, script) {
    const file = path.join(home, name);
    mkdirSync(path.dirname(file), { recursive: true });
    writeFileSync(file, `#!/bin/sh\n${script}\n`);
    chmodSync(file, 0o755);
    return file;
  }

  test('cargo is found on PATH, then in CARGO_HOME, then in ~/.cargo', () => {
    const inHome = fake('.cargo/bin/cargo', '');
    expect(findCargo({ PATH: '', HOME: home })).toBe(inHome);
    const inCargoHome = fake('elsewhere/bin/cargo', '');
    expect(findCargo({ PATH: '', HOME: home, CARGO_HOME: path.join(home, 'elsewhere') })).toBe(inCargoHome);
    const onPath = fake('bin/cargo', '');
    expect(findCargo({ PATH: path.join(home, 'bin'), HOME: home })).toBe(onPath);
    expect(cargoEnvironment(inHome, { PATH: '/bin', HOME: home }).PATH).toBe(`${home}/.cargo/bin:/bin`);
  });

  test('an old Rust is refused with both versions, a missing component by name', () => {
    const cc = fake('bin/cc', '');
    const env = { PATH: path.join(home, 'bin'), HOME: home, CC: cc };
    fake('bin/cargo', 'echo cargo 1.94.1');
    expect(() => requireToolchain(home, env)).toThrow(/needs Rust 1\.95 or newer; .* is 1\.94\.1/);
    fake('bin/cargo', '[ "$1" = clippy ] && exit 1; echo cargo 1.95.0');
    expect(requireToolchain(home, env)).toBe(path.join(home, 'bin/cargo'));
    expect(() => requireToolchain(home, env, ['fmt', 'clippy'])).toThrow(/rustup component add clippy\n/);
  });

  test('without cargo the launcher says so before any other work', () => {
    for (const name of ['scripts', 'package.json', 'package-lock.json', 'Cargo.toml']) {
      cpSync(path.join(root, name), path.join(home, name), { recursive: true });
    }
    const env = { PATH: path.join(home, 'bin'), HOME: home };
    const ended = spawnSync(process.execPath, ['scripts/dev.mjs', 'start'], {
      cwd: home,
      env,
      encoding: 'utf8',
    });
    expect(ended.stderr).toContain('Missing here: a C compiler and the Rust toolchain. Run:');
    expect(ended.stdout).toBe('');
    expect(ended.status).toBe(1);
    expect(existsSync(path.join(home, 'node_modules'))).toBe(false);
  });
});
