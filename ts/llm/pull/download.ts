/** Downloads one file of a known size and checksum. What has arrived is kept, and the next attempt goes on from there. */
import { createWriteStream, renameSync, rmSync, statSync } from 'node:fs';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { HeadraceError } from '../../errors.ts';
import { FileSource } from '../gguf/byte-source.ts';
import { sha256 } from '../import/cache.ts';

/** A server that sends nothing for so long is given up. */
export const SILENCE_MS = 30_000;

/** What is expected. */
export interface Expected {
  readonly url: string;
  readonly bytes: number;
  readonly sha256: string;
}

/** Told how many bytes there are so far, and how many there will be. */
export type OnProgress = (bytes: number, of: number) => void;

/** Downloads into `file`, by way of `file.part`. `HR_DOWNLOAD_FAILED` when the network or the content is not as it should. */
export async function download(expected: Expected, file: string, onProgress: OnProgress): Promise<void> {
  const part = `${file}.part`;
  const have = statSync(part, { throwIfNoEntry: false })?.size ?? 0;
  if (have < expected.bytes) await fetchRest(expected, part, have, onProgress);
  const found = digest(part);
  if (found !== expected.sha256) {
    rmSync(part, { force: true });
    throw failed(expected.url, `the file has the SHA-256 ${found}, and not ${expected.sha256}`);
  }
  renameSync(part, file);
}

async function fetchRest(
  expected: Expected,
  part: string,
  have: number,
  onProgress: OnProgress,
): Promise<void> {
  const response = await request(expected.url, have > 0 ? { range: `bytes=${have}-` } : {});
  // A server that does not know ranges sends the whole file.
  const from = response.status === 206 ? have : 0;
  let bytes = from;
  const counted = async function* (chunks: AsyncIterable<Uint8Array>) {
    for await (const chunk of chunks) {
      bytes += chunk.length;
      if (bytes > expected.bytes) throw new Error(`more than ${expected.bytes} bytes came`);
      onProgress(bytes, expected.bytes);
      yield chunk;
    }
  };
  try {
    const target = createWriteStream(part, { flags: from > 0 ? 'a' : 'w' });
    await pipeline(response.body, (chunks: AsyncIterable<Uint8Array>) => silenced(chunks), counted, target);
  } catch (cause) {
    if (bytes > expected.bytes) rmSync(part, { force: true });
    throw failed(expected.url, (cause as Error).message, cause);
  }
  if (bytes < expected.bytes)
    throw failed(expected.url, `it ended after ${bytes} of ${expected.bytes} bytes`);
}

/** Asks for something; an answer that is no success is an error. */
export async function request(
  url: string,
  headers: Record<string, string>,
): Promise<{ status: number; body: Readable }> {
  let response: Response;
  try {
    response = await inTime(fetch(url, { headers }));
  } catch (cause) {
    const { message } = ((cause as Error).cause as Error | undefined) ?? (cause as Error);
    throw failed(url, message || String(cause), cause);
  }
  if (!response.ok || response.body === null) throw failed(url, `the server answered ${response.status}`);
  return {
    status: response.status,
    body: Readable.fromWeb(response.body as Parameters<typeof Readable.fromWeb>[0]),
  };
}

export function failed(url: string, why: string, cause?: unknown): HeadraceError {
  return new HeadraceError('HR_DOWNLOAD_FAILED', `${url} could not be downloaded: ${why}.`, {
    hint: 'Check the network and run the command again; it goes on where it stopped.',
    cause,
  });
}

/** The same chunks, and an error when one does not come in time. */
async function* silenced(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  const iterator = chunks[Symbol.asyncIterator]();
  while (true) {
    const next = await inTime(iterator.next());
    if (next.done) return;
    yield next.value;
  }
}

async function inTime<T>(promise: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`nothing came for ${SILENCE_MS / 1000} s`)), SILENCE_MS);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}

function digest(file: string): string {
  using source = new FileSource(file);
  return sha256(source);
}
