/** Bytes that are read at offsets: a file on disk, or memory. */
import { closeSync, constants, fstatSync, openSync, readSync } from 'node:fs';
import { HeadraceError } from '../../errors.ts';

/** Bytes of a known length that are read at offsets. */
export interface ByteSource {
  /** The name that errors give it: the path of a file. */
  readonly name: string;
  /** How many bytes there are. */
  readonly size: number;
  /** Copies `into.length` bytes from `offset` on; the caller has checked that they exist. */
  read(into: Uint8Array, offset: number): void;
}

/** Bytes in memory. */
export function memorySource(name: string, bytes: Uint8Array): ByteSource {
  return {
    name,
    size: bytes.length,
    read: (into, offset) => into.set(bytes.subarray(offset, offset + into.length)),
  };
}

/** An open regular file. Links to one are followed; pipes, devices and folders are refused without being waited for. */
export class FileSource implements ByteSource, Disposable {
  readonly name: string;
  readonly size: number;
  readonly #descriptor: number;

  constructor(path: string) {
    this.name = path;
    // A named pipe would be waited for without O_NONBLOCK; on a regular file it has no effect.
    this.#descriptor = reading(path, () => openSync(path, constants.O_RDONLY | (constants.O_NONBLOCK ?? 0)));
    const status = fstatSync(this.#descriptor);
    if (!status.isFile()) {
      this[Symbol.dispose]();
      throw new HeadraceError('HR_OPTION_INVALID', `${path} is not a regular file.`);
    }
    this.size = status.size;
  }

  read(into: Uint8Array, offset: number): void {
    for (let done = 0; done < into.length; ) {
      const got = reading(this.name, () =>
        readSync(this.#descriptor, into, done, into.length - done, offset + done),
      );
      if (got === 0)
        throw new HeadraceError('HR_DATA_CORRUPT', `${this.name} became shorter while it was read.`);
      done += got;
    }
  }

  [Symbol.dispose](): void {
    closeSync(this.#descriptor);
  }
}

function reading<T>(path: string, read: () => T): T {
  try {
    return read();
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') {
      throw new HeadraceError('HR_NOT_FOUND', `There is no file ${path}.`, { cause });
    }
    throw new HeadraceError('HR_IO', `${path} cannot be read: ${(cause as Error).message}.`, { cause });
  }
}
