/** Keeps the folder of converted models within its limit: what was not used for longest goes first. */
import { randomUUID } from 'node:crypto';
import { readdirSync, renameSync, rmSync, statSync } from 'node:fs';
import path from 'node:path';
import { HeadraceError } from '../../errors.ts';
import { inUse } from './use.ts';

/** Bytes of converted models unless told otherwise: 16 GiB. */
const BYTES_MAX = 2 ** 34;
const BYTES_VARIABLE = 'HEADRACE_MODEL_CACHE_BYTES';
/** Folders that are being removed. */
const GONE = '.gone-';
/** What a process that died left behind is removed after this time. */
const LEFTOVER_MS = 24 * 3600 * 1000;

/**
 * Bytes that converted models may take: `bytes`, or the environment's `HEADRACE_MODEL_CACHE_BYTES`, or 16 GiB.
 * `HR_OPTION_INVALID` if that is no whole number.
 */
export function cacheLimit(bytes?: number): number {
  const said = process.env[BYTES_VARIABLE] || undefined;
  const limit = bytes ?? (said === undefined ? BYTES_MAX : Number(said));
  if (Number.isSafeInteger(limit) && limit >= 0) return limit;
  const name = bytes === undefined ? BYTES_VARIABLE : 'cacheBytes';
  throw new HeadraceError('HR_OPTION_INVALID', `${name} is '${bytes ?? said}', which is no number of bytes.`);
}

/**
 * Removes folders until the rest has no more than `limit` bytes. What is in use stays, and so does what cannot be removed, and
 * whatever has no file of the name `seal`, by whose time it is known when a folder was used. O(files in the cache).
 */
export function makeRoom(cache: string, limit: number, seal: string): void {
  const folders = readdirSync(cache).flatMap((name) => sizeOf(cache, name, seal));
  let bytes = folders.reduce((sum, folder) => sum + folder.bytes, 0);
  for (const folder of folders.toSorted((a, b) => a.usedMs - b.usedMs)) {
    if (bytes <= limit) return;
    if (inUse(cache).has(folder.name)) continue;
    try {
      removeFolder(cache, folder.name, () => !inUse(cache).has(folder.name));
      bytes -= folder.bytes;
    } catch {
      // Some systems do not let a file go that is open somewhere.
    }
  }
}

/** The size and the last use of a folder that is ours; nothing for another, or one that is being removed. */
function sizeOf(
  cache: string,
  name: string,
  seal: string,
): { name: string; bytes: number; usedMs: number }[] {
  if (name.startsWith('.')) return [];
  const folder = path.join(cache, name);
  try {
    const usedMs = statSync(path.join(folder, seal)).mtimeMs;
    const sizes = readdirSync(folder).map((file) => statSync(path.join(folder, file)).size);
    return [{ name, usedMs, bytes: sizes.reduce((sum, size) => sum + size, 0) }];
  } catch {
    return [];
  }
}

/**
 * Removes a folder, if there is one, as a whole: it is put aside first, and `still` is asked about it there. If it is not to go any
 * more, it is put back, unless there is another in its place by now.
 */
export function removeFolder(cache: string, name: string, still: (aside: string) => boolean): void {
  const gone = path.join(cache, `${GONE}${randomUUID()}`);
  try {
    renameSync(path.join(cache, name), gone);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return;
    throw error;
  }
  const goes = still(gone);
  try {
    if (!goes) renameSync(gone, path.join(cache, name));
  } catch {
    // Another one is in its place.
  }
  rmSync(gone, { recursive: true, force: true });
}

/** Removes what processes that died have left: folders that were being made or removed. */
export function removeLeftovers(cache: string, making: string): void {
  for (const name of readdirSync(cache)) {
    const left = path.join(cache, name);
    if (!name.startsWith(making) && !name.startsWith(GONE)) continue;
    const age = Date.now() - (statSync(left, { throwIfNoEntry: false })?.mtimeMs ?? Date.now());
    if (age > LEFTOVER_MS) rmSync(left, { recursive: true, force: true });
  }
}
