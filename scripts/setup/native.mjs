// The native engine: built when a Rust source changed, and put where the TypeScript side loads it.

import { copyFileSync, existsSync, renameSync } from 'node:fs';
import path from 'node:path';
import { runProgram } from './child.mjs';
import { platformName } from './places.mjs';
import { cargoEnvironment } from './rust.mjs';
import { hashOf, hashOfSources, isStamped, writeStamp } from './stamp.mjs';

const stampOf = (base) => path.join(base, 'node_modules', '.cache', 'headrace', 'native');

/** Where the built addon lies in a checkout. */
export const addonOf = (base) => path.join(base, 'bindings', 'node', 'headrace.node');

/** What the present addon has to be built from. */
export function nativeStamp(base, env = process.env) {
  const names = ['Cargo.toml', 'Cargo.lock', 'crates', 'bindings'];
  const sources = hashOfSources(base, names, (name) => name.endsWith('.node'));
  return hashOf(sources, platformName(), env.RUSTFLAGS ?? '');
}

/** True if the addon is there and was built from the present sources. */
export function nativeIsCurrent(base, env = process.env) {
  return existsSync(addonOf(base)) && isStamped(stampOf(base), nativeStamp(base, env));
}

/** Builds the addon and replaces the old one in one step, so a process that has it loaded keeps its own. */
export async function buildNative(base, cargo, env = process.env) {
  // Taken before the build: a source that changes meanwhile makes the next run build again.
  const stamp = nativeStamp(base, env);
  const cargoEnv = cargoEnvironment(cargo, env);
  const ended = await runProgram(cargo, ['build', '--release', '-p', 'headrace-node'], {
    cwd: base,
    env: cargoEnv,
  });
  if (ended.code !== 0) return ended;
  const draft = path.join(path.dirname(addonOf(base)), `headrace-${process.pid}.node`);
  copyFileSync(path.resolve(base, cargoEnv.CARGO_TARGET_DIR, 'release', libraryName()), draft);
  renameSync(draft, addonOf(base));
  writeStamp(stampOf(base), stamp);
  return ended;
}

function libraryName() {
  if (process.platform === 'win32') return 'headrace_node.dll';
  return process.platform === 'darwin' ? 'libheadrace_node.dylib' : 'libheadrace_node.so';
}
