/** Who may use the server. Keys are kept as digests, and compared in a time that does not depend on them. */
import { createHash, timingSafeEqual } from 'node:crypto';
import { ApiError } from './api-error.ts';

export class ApiKeys {
  readonly #digests: readonly Buffer[];

  /** Without keys everybody may. */
  constructor(keys: readonly string[]) {
    this.#digests = keys.map(digest);
  }

  get count(): number {
    return this.#digests.length;
  }

  /** The number of the caller's key; 0 where there are no keys. Throws an {@link ApiError} of status 401. */
  caller(request: Request): number {
    if (this.count === 0) return 0;
    const [, given] = /^Bearer +(\S+) *$/i.exec(request.headers.get('authorization') ?? '') ?? [];
    if (given === undefined) throw unauthorised('There is no API key: send it as authorization: Bearer KEY.');
    const sought = digest(given);
    let found = -1;
    for (const [at, key] of this.#digests.entries()) if (timingSafeEqual(key, sought)) found = at;
    if (found < 0) throw unauthorised('The API key is wrong.');
    return found;
  }
}

function digest(key: string): Buffer {
  return createHash('sha256').update(key).digest();
}

function unauthorised(message: string): ApiError {
  return new ApiError(401, message, { code: 'invalid_api_key' });
}
