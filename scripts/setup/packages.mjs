// The npm packages: installed when the lockfile or the platform is another than last time.

import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { runProgram } from './child.mjs';
import { findProgram, platformName } from './places.mjs';
import { SetupError } from './report.mjs';
import { hashOf, isStamped, writeStamp } from './stamp.mjs';

const stampOf = (base) => path.join(base, 'node_modules', '.cache', 'headrace', 'packages');

function wanted(base) {
  return hashOf(readFileSync(path.join(base, 'package-lock.json'), 'utf8'), platformName());
}

/** True if node_modules holds what the lockfile says, for this platform. The stamp goes with the folder. */
export function packagesAreCurrent(base) {
  return isStamped(stampOf(base), wanted(base));
}

/** Runs `npm ci` in `base`. Dependency scripts do not run: none of the packages needs one. */
export async function installPackages(base, env = process.env) {
  const stamp = wanted(base);
  const [program, ...first] = npmCommand(env);
  const args = [...first, 'ci', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error'];
  const ended = await runProgram(program, args, { cwd: base, env });
  if (ended.code === 0) writeStamp(stampOf(base), stamp);
  return ended;
}

/** How to start npm: the one that runs this script if there is one, else the one on PATH. */
export function npmCommand(env = process.env) {
  const running = env.npm_execpath;
  if (running && /^npm-cli\.c?js$/.test(path.basename(running)) && existsSync(running)) {
    return [process.execPath, running];
  }
  const npm = findProgram('npm', env, [path.dirname(process.execPath)]);
  if (npm === undefined)
    throw new SetupError('npm is not on PATH. It comes with Node: https://nodejs.org/download');
  return [npm];
}
