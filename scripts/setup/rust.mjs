// What the native build needs: cargo, a Rust that is new enough, and a C compiler to link with.

import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import path from 'node:path';
import { cacheFolder, findProgram } from './places.mjs';
import { SetupError } from './report.mjs';

/** cargo from PATH, `$CARGO_HOME/bin` or `~/.cargo/bin`; undefined if it is in none of them. */
export function findCargo(env = process.env) {
  const homes = [env.CARGO_HOME, path.join(env.HOME || homedir(), '.cargo')].filter(Boolean);
  return findProgram(
    'cargo',
    env,
    homes.map((home) => path.join(home, 'bin')),
  );
}

/** A C compiler by its usual names, or what `CC` says. On Windows the Rust compiler finds its own linker. */
export function findCompiler(env = process.env) {
  if (process.platform === 'win32') return 'link.exe';
  const names = [env.CC, 'cc', 'gcc', 'clang'].filter(Boolean);
  for (const name of names) {
    const file = path.isAbsolute(name) ? name : findProgram(name, env);
    if (file !== undefined) return file;
  }
  return undefined;
}

/**
 * Finds the toolchain or throws with the one command that installs what is missing.
 * @param {string[]} components cargo subcommands that will be used besides `build`
 * @returns {string} the path of cargo
 */
export function requireToolchain(base, env = process.env, components = []) {
  const cargo = findCargo(env);
  const compiler = findCompiler(env);
  if (cargo === undefined || compiler === undefined) {
    throw new SetupError(whatIsMissing(cargo !== undefined, compiler !== undefined, env, osRelease()));
  }
  const needed = readFileSync(path.join(base, 'Cargo.toml'), 'utf8').match(
    /^rust-version = "([\d.]+)"/m,
  )?.[1];
  const found = versionOf(cargo, env);
  if (needed !== undefined && isOlder(found, needed)) {
    throw new SetupError(
      `headrace needs Rust ${needed} or newer; ${cargo} is ${found}. Run:\n\n  ${installRust(env)}\n`,
    );
  }
  const absent = components.filter((name) => !answers(cargo, [name, '--version'], env));
  if (absent.length > 0) {
    const names = absent.map((name) => (name === 'fmt' ? 'rustfmt' : name));
    throw new SetupError(
      `The tests also need ${names.join(' and ')}. Run:\n\n  rustup component add ${names.join(' ')}\n`,
    );
  }
  return cargo;
}

/** The environment in which cargo runs: its own folder on PATH and one target folder for all checkouts. */
export function cargoEnvironment(cargo, env = process.env) {
  return {
    ...env,
    PATH: [path.dirname(cargo), env.PATH].filter(Boolean).join(path.delimiter),
    CARGO_TARGET_DIR: env.CARGO_TARGET_DIR || path.join(cacheFolder(env), 'target'),
  };
}

/** The message for a machine without cargo or without a C compiler: what, why, and one command. */
export function whatIsMissing(hasCargo, hasCompiler, env, release) {
  const what = [!hasCompiler && 'a C compiler', !hasCargo && 'the Rust toolchain'].filter(Boolean);
  const commands = [!hasCompiler && asRoot(installCompiler(release)), !hasCargo && installRust(env)].filter(
    Boolean,
  );
  return [
    `The engine of headrace is Rust and is built on this machine. Missing here: ${what.join(' and ')}. Run:`,
    '',
    `  ${commands.join(' && ')}`,
    '',
    'and then the same command again.',
  ].join('\n');
}

function installRust(env) {
  if (findProgram('rustup', env, [path.join(env.HOME || homedir(), '.cargo', 'bin')]))
    return 'rustup update stable';
  return "curl --proto '=https' --tlsv1.2 -sSf https://sh.rustup.rs | sh -s -- -y --profile default";
}

function installCompiler(release, platform = process.platform) {
  if (platform === 'darwin') return 'xcode-select --install';
  if (/alpine/.test(release)) return 'apk add build-base curl';
  if (/fedora|rhel|centos/.test(release)) return 'dnf install -y gcc curl';
  if (/arch/.test(release)) return 'pacman -S --needed base-devel curl';
  if (/suse/.test(release)) return 'zypper install -y gcc curl';
  return 'apt-get update && apt-get install -y build-essential curl';
}

function asRoot(command, uid = process.getuid?.()) {
  if (uid === 0 || command.startsWith('xcode-select')) return command;
  return command.replace(/(^|&& )/g, '$1sudo ');
}

/** The lines of /etc/os-release that name the distribution and its family. */
function osRelease() {
  try {
    const text = readFileSync('/etc/os-release', 'utf8');
    return text
      .split('\n')
      .filter((line) => /^ID(_LIKE)?=/.test(line))
      .join('\n');
  } catch {
    return '';
  }
}

function versionOf(cargo, env) {
  try {
    const text = execFileSync(cargo, ['--version'], {
      env,
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    return text.match(/\d+\.\d+(\.\d+)?/)?.[0] ?? '0';
  } catch (error) {
    throw new SetupError(`${cargo} does not start: ${String(error.stderr || error.message).trim()}`);
  }
}

function answers(cargo, args, env) {
  try {
    execFileSync(cargo, args, { env: cargoEnvironment(cargo, env), stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

/** True if version `a` is lower than version `b`; missing parts are 0. */
export function isOlder(a, b) {
  const [x, y] = [a, b].map((text) => text.split('.').map(Number));
  for (let i = 0; i < 3; i++) {
    const difference = (x[i] ?? 0) - (y[i] ?? 0);
    if (difference !== 0) return difference < 0;
  }
  return false;
}
