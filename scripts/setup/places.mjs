// Where things are: the checkout, the user's cache, and the names of this platform.

import { existsSync } from 'node:fs';
import { homedir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

/** The root of the checkout. */
export const root = fileURLToPath(new URL('../../', import.meta.url));

/** The folder of the user's cache that belongs to headrace: `$XDG_CACHE_HOME/headrace` or `~/.cache/headrace`. */
export function cacheFolder(env = process.env) {
  return path.join(env.XDG_CACHE_HOME || path.join(env.HOME || homedir(), '.cache'), 'headrace');
}

/** `gnu` or `musl` on Linux, an empty string elsewhere. */
export function libc(platform = process.platform) {
  if (platform !== 'linux') return '';
  return process.report.getReport().header.glibcVersionRuntime ? 'gnu' : 'musl';
}

/** The platform as it appears in package names: `linux-x64-gnu`, `darwin-arm64`, `win32-x64`. */
export function platformName() {
  return [process.platform, process.arch, libc()].filter(Boolean).join('-');
}

/** The first file called `name` on PATH, or in one of the `extra` folders; undefined if there is none. */
export function findProgram(name, env = process.env, extra = []) {
  const endings = process.platform === 'win32' ? ['.exe', '.cmd', ''] : [''];
  const folders = [...(env.PATH ?? '').split(path.delimiter), ...extra].filter(Boolean);
  for (const folder of folders) {
    for (const ending of endings) {
      const file = path.join(folder, name + ending);
      if (existsSync(file)) return file;
    }
  }
  return undefined;
}
