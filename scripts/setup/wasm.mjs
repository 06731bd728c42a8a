// The check that the pure crates compile for the browser, wasm32-unknown-unknown, and whether this
// machine can do it. Two ways lead there: the target's standard library is installed (`rustup
// target add`), or a compiler comes with the sources of its standard library and all they need, so
// that cargo can build it (Debian: rustc-web and rust-web-src; HEADRACE_WASM_RUSTC names another).

import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import path from 'node:path';
import { cargoEnvironment } from './rust.mjs';

const target = 'wasm32-unknown-unknown';

/** The crates without clock, randomness, threads and files; `plan` is plain data that they share. */
const pureCrates = ['core', 'plan', 'sketch', 'state', 'expr', 'operators', 'kv', 'sample'];

/**
 * How to run the check.
 * @returns {{ args: string[], env: Record<string, string> } | { skip: string }} arguments for cargo
 *   and what to add to its environment, or why it cannot be run here and what to do about it
 */
export function wasmCheck(cargo, env = process.env) {
  const cargoEnv = cargoEnvironment(cargo, env);
  const packages = pureCrates.flatMap((name) => ['-p', `headrace-${name}`]);
  const check = ['check', '--release', '--target', target, ...packages];
  const library = ask(cargoEnv.RUSTC || 'rustc', ['--print', 'target-libdir', '--target', target], cargoEnv);
  if (library !== undefined && existsSync(library)) return { args: check, env: {} };

  const rustc = env.HEADRACE_WASM_RUSTC || '/usr/bin/rustc';
  const sysroot = ask(rustc, ['--print', 'sysroot'], cargoEnv);
  if (sysroot !== undefined && existsSync(path.join(sysroot, 'lib/rustlib/src/rust/library/vendor'))) {
    // -Z is for nightly compilers; RUSTC_BOOTSTRAP lets a stable one have it. The target folder is
    // another, so that the two compilers do not undo each other's work.
    return {
      args: [...check, '-Zbuild-std=std,panic_abort'],
      env: { RUSTC: rustc, RUSTC_BOOTSTRAP: '1', CARGO_TARGET_DIR: `${cargoEnv.CARGO_TARGET_DIR}-wasm` },
    };
  }
  return { skip: `there is no standard library for ${target}; to have it: rustup target add ${target}` };
}

function ask(program, args, env) {
  try {
    return execFileSync(program, args, { env, encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim();
  } catch {
    return undefined;
  }
}
