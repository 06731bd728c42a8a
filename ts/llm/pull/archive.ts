/** Takes one file out of a ZIP archive (a wheel is one). Sizes and offsets in it are checked before they are used. */
import { createReadStream, createWriteStream } from 'node:fs';
import { pipeline } from 'node:stream/promises';
import { createInflateRaw } from 'node:zlib';
import { HeadraceError } from '../../errors.ts';
import { type ByteSource, FileSource } from '../gguf/byte-source.ts';

/** The end record lies within the last 64 KiB and a little. */
const END_BYTES_MAX = 65_557;
const DIRECTORY_BYTES_MAX = 16 * 1024 * 1024;
const END = 0x06054b50;
const ENTRY = 0x02014b50;
const LOCAL = 0x04034b50;
const STORED = 0;
const DEFLATED = 8;

interface Member {
  readonly method: number;
  readonly packed: number;
  readonly header: number;
}

/** Writes the file `name` of the archive to `to`, which is refused when it has more than `bytes` bytes. */
export async function extract(archive: string, name: string, bytes: number, to: string): Promise<void> {
  const { start, method, packed } = locate(archive, name);
  let written = 0;
  const limited = async function* (chunks: AsyncIterable<Uint8Array>) {
    for await (const chunk of chunks) {
      written += chunk.length;
      if (written > bytes) throw damaged(archive, `${name} has more than ${bytes} bytes`);
      yield chunk;
    }
  };
  const input = createReadStream(archive, { start, end: start + packed - 1 });
  const output = createWriteStream(to);
  if (method === STORED) await pipeline(input, limited, output);
  else await pipeline(input, createInflateRaw(), limited, output);
}

function locate(archive: string, name: string) {
  using source = new FileSource(archive);
  const { method, packed, header } = find(source, name);
  const local = view(source, header, 30);
  if (local.getUint32(0, true) !== LOCAL)
    throw damaged(archive, `${name} does not begin where the directory says`);
  const start = header + 30 + local.getUint16(26, true) + local.getUint16(28, true);
  if (packed < 1 || start + packed > source.size) throw damaged(archive, `${name} ends behind the archive`);
  if (method !== STORED && method !== DEFLATED)
    throw damaged(archive, `${name} is packed by the method ${method}`);
  return { start, method, packed };
}

function find(source: ByteSource, name: string): Member {
  const tailBytes = Math.min(source.size, END_BYTES_MAX);
  const tail = view(source, source.size - tailBytes, tailBytes);
  let end = tailBytes - 22;
  while (end >= 0 && tail.getUint32(end, true) !== END) end--;
  if (end < 0) throw damaged(source.name, 'it has no end record');
  const size = tail.getUint32(end + 12, true);
  if (size > DIRECTORY_BYTES_MAX) throw damaged(source.name, 'its directory is too long');
  const directory = view(source, tail.getUint32(end + 16, true), size);
  for (let at = 0; at + 46 <= size && directory.getUint32(at, true) === ENTRY; ) {
    const nameBytes = directory.getUint16(at + 28, true);
    const text = Buffer.from(directory.buffer)
      .subarray(at + 46, at + 46 + nameBytes)
      .toString();
    if (text === name) {
      const [packed, header] = [directory.getUint32(at + 20, true), directory.getUint32(at + 42, true)];
      return { method: directory.getUint16(at + 10, true), packed, header };
    }
    at += 46 + nameBytes + directory.getUint16(at + 30, true) + directory.getUint16(at + 32, true);
  }
  throw damaged(source.name, `it has no ${name}`);
}

function view(source: ByteSource, offset: number, length: number): DataView<ArrayBuffer> {
  if (offset < 0 || offset + length > source.size) throw damaged(source.name, 'it ends too early');
  const bytes = new Uint8Array(length);
  source.read(bytes, offset);
  return new DataView(bytes.buffer);
}

function damaged(archive: string, what: string): HeadraceError {
  return new HeadraceError('HR_DATA_CORRUPT', `${archive} is not a sound archive: ${what}.`);
}
