/**
 * The folder of converted models: one folder a model, named after the content of its file. A folder appears whole or not at
 * all (it is made under another name, synced and renamed), and is checked before it is used.
 */
import { createHash, hash, randomUUID } from 'node:crypto';
import {
  closeSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeSync,
} from 'node:fs';
import { homedir } from 'node:os';
import path from 'node:path';
import { HeadraceError, isHeadraceError } from '../../errors.ts';
import { type ByteSource, FileSource } from '../gguf/byte-source.ts';

/** Read at once while a file is hashed. */
const CHUNK_BYTES = 1024 * 1024;

/** What a process that died left behind is removed after this time. */
const LEFTOVER_MS = 24 * 3600 * 1000;
const LEFTOVER = '.making-';

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

/**
 * The folder of this name in `cache`. If there is none, or it is damaged, `make` makes its files first. Two processes may do
 * so at the same time; one of the two results stays.
 */
export function cached(cache: string, name: string, make: (file: WriteFile) => void): string {
  const folder = path.join(cache, name);
  if (isSound(folder)) return folder;
  return io(cache, () => {
    mkdirSync(cache, { recursive: true });
    removeLeftovers(cache);
    const making = path.join(cache, `${LEFTOVER}${randomUUID()}`);
    mkdirSync(making);
    try {
      seal(making, make);
      rmSync(folder, { recursive: true, force: true });
      putInPlace(making, folder);
    } finally {
      rmSync(making, { recursive: true, force: true });
    }
    return folder;
  });
}

/** A digest of all that is in a folder that `cached` gave. */
export function sealDigest(folder: string): string {
  return hash('sha256', readFileSync(path.join(folder, SEAL)));
}

function seal(folder: string, make: (file: WriteFile) => void): void {
  const files: Record<string, { bytes: number; sha256: string }> = {};
  const open: WriteFile = (name) => {
    const digest = createHash('sha256');
    const descriptor = openSync(path.join(folder, name), 'wx');
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
        files[name] = { bytes, sha256: digest.digest('hex') };
      },
    };
  };
  make(open);
  const file = open(SEAL);
  file.append(new TextEncoder().encode(JSON.stringify({ files })));
  file.close();
}

function putInPlace(making: string, folder: string): void {
  try {
    renameSync(making, folder);
  } catch (error) {
    // Another process was faster; its folder has the same content.
    if (!isSound(folder)) throw error;
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

function removeLeftovers(cache: string): void {
  for (const name of readdirSync(cache)) {
    const left = path.join(cache, name);
    if (!name.startsWith(LEFTOVER)) continue;
    const age = Date.now() - (statSync(left, { throwIfNoEntry: false })?.mtimeMs ?? Date.now());
    if (age > LEFTOVER_MS) rmSync(left, { recursive: true, force: true });
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
