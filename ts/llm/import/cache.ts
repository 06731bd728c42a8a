/**
 * The folder of converted models: one folder a model, named after the content of its file. A folder appears whole or not at
 * all (it is made under another name, synced and renamed), is checked before it is used, and goes as a whole, when there is no
 * room for all that are there.
 */
import { createHash, hash, randomUUID } from 'node:crypto';
import {
  closeSync,
  existsSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  utimesSync,
  writeSync,
} from 'node:fs';
import { homedir } from 'node:os';
import path from 'node:path';
import { HeadraceError, isHeadraceError } from '../../errors.ts';
import { type ByteSource, FileSource } from '../gguf/byte-source.ts';
import { makeRoom, removeFolder, removeLeftovers } from './room.ts';
import { beginUse, endUse, type Use } from './use.ts';

/** Read at once while a file is hashed. */
const CHUNK_BYTES = 1024 * 1024;

const MAKING = '.making-';

/** Names the files of a folder with their lengths and checksums; it is written last. */
const SEAL = 'seal.json';

/** `$XDG_CACHE_HOME/headrace/models`, or the same under `~/.cache`. */
export function modelCache(): string {
  return path.join(process.env.XDG_CACHE_HOME || path.join(homedir(), '.cache'), 'headrace', 'models');
}

/** The SHA-256 of all bytes, in hexadecimal; O(bytes). */
export function sha256(source: ByteSource): string {
  const digest = createHash('sha256');
  const chunk = new Uint8Array(Math.min(CHUNK_BYTES, source.size));
  for (let offset = 0; offset < source.size; offset += chunk.length) {
    const part = chunk.subarray(0, Math.min(chunk.length, source.size - offset));
    source.read(part, offset);
    digest.update(part);
  }
  return digest.digest('hex');
}

/** Writes one file of a folder that is being made. */
export type WriteFile = (name: string) => { append(bytes: Uint8Array): void; close(): void };

/** A folder of the cache, which is not removed while it is in use. */
export interface Cached {
  readonly folder: string;
  readonly use: Use;
}

/**
 * The folder of this name in `cache`. If there is none, or it is damaged, `make` makes its files first, and the folders that
 * were not used for longest are removed as long as all together have more than `limit` bytes. Two processes may do so at the same
 * time; one of the two results stays.
 */
export function cached(cache: string, name: string, limit: number, make: (file: WriteFile) => void): Cached {
  const folder = path.join(cache, name);
  // Marked first, or it might be removed between being looked at and being used.
  let use = beginUse(cache, name);
  try {
    if (!isSound(folder)) {
      io(cache, () => {
        mkdirSync(cache, { recursive: true });
        if (use.mark === undefined) use = beginUse(cache, name);
        removeLeftovers(cache, MAKING);
        put(cache, folder, make);
        makeRoom(cache, limit, SEAL);
      });
    }
    used(folder);
    return { folder, use };
  } catch (error) {
    endUse(use);
    throw error;
  }
}

function put(cache: string, folder: string, make: (file: WriteFile) => void): void {
  const making = path.join(cache, `${MAKING}${randomUUID()}`);
  mkdirSync(making);
  try {
    seal(making, make);
    // What is in the way is damaged, unless another process has just repaired it.
    while (!putInPlace(making, folder))
      removeFolder(cache, path.basename(folder), (aside) => !isSound(aside));
  } finally {
    rmSync(making, { recursive: true, force: true });
  }
}

/** Notes when a folder was used. */
function used(folder: string): void {
  try {
    utimesSync(path.join(folder, SEAL), new Date(), new Date());
  } catch {
    // One that cannot be written is not removed either.
  }
}

/** A digest of all that is in a folder that `cached` gave. */
export function sealDigest(folder: string): string {
  return hash('sha256', readFileSync(path.join(folder, SEAL)));
}

function seal(folder: string, make: (file: WriteFile) => void): void {
  const files: Record<string, { bytes: number; sha256: string }> = {};
  const descriptors = new Set<number>();
  const open: WriteFile = (name) => {
    const digest = createHash('sha256');
    const descriptor = openSync(path.join(folder, name), 'wx');
    descriptors.add(descriptor);
    let bytes = 0;
    return {
      append(part) {
        for (let done = 0; done < part.length; ) done += writeSync(descriptor, part, done);
        digest.update(part);
        bytes += part.length;
      },
      close() {
        fsyncSync(descriptor);
        closeSync(descriptor);
        descriptors.delete(descriptor);
        files[name] = { bytes, sha256: digest.digest('hex') };
      },
    };
  };
  try {
    make(open);
    const file = open(SEAL);
    file.append(new TextEncoder().encode(JSON.stringify({ files })));
    file.close();
  } finally {
    for (const descriptor of descriptors) closeSync(descriptor);
  }
}

/**
 * Whether there is a sound folder now: this one, or that of a process that was faster, and uses it by now. Throws what went
 * wrong, unless there is another folder in the way.
 */
function putInPlace(making: string, folder: string): boolean {
  try {
    renameSync(making, folder);
    return true;
  } catch (error) {
    if (isSound(folder)) return true;
    if (existsSync(folder)) return false;
    throw error;
  }
}

/** Whether a folder is there, and all its files have the content that they had when it was made. */
function isSound(folder: string): boolean {
  try {
    const { files } = JSON.parse(readFileSync(path.join(folder, SEAL), 'utf8')) as {
      files: Record<string, { bytes: number; sha256: string }>;
    };
    return Object.entries(files).every(([name, expected]) => {
      using file = new FileSource(path.join(folder, name));
      return file.size === expected.bytes && sha256(file) === expected.sha256;
    });
  } catch {
    return false;
  }
}

function io<T>(cache: string, work: () => T): T {
  try {
    return work();
  } catch (cause) {
    if (isHeadraceError(cause)) throw cause;
    throw new HeadraceError(
      'HR_IO',
      `The model cache ${cache} cannot be written: ${(cause as Error).message}.`,
      { cause },
    );
  }
}
