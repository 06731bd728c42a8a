/** The body of a request: bounded, UTF-8, a JSON object. */
import { ApiError } from './api-error.ts';
import { isObject, type Json } from './text.ts';

/** What is kept of a body at first; it doubles. */
const FIRST_BYTES = 4_096;

/** Throws what is known to be wrong before the body is read. */
export function checkHead(request: Request, most: number): void {
  const type = request.headers.get('content-type') ?? '';
  // A page of another origin can send other types to a server on this machine without asking; this one it cannot.
  if (!/^application\/json\s*(;|$)/i.test(type)) {
    throw new ApiError(415, 'The body is JSON: send it with content-type: application/json.', {
      code: 'unsupported_media_type',
    });
  }
  if (declaredLength(request) > most) throw tooLarge(most);
}

/** The bytes that the body has by its header; 0 where it does not say, or says what is no length. */
export function declaredLength(request: Request): number {
  const length = request.headers.get('content-length') ?? '';
  return /^\d+$/.test(length) ? Number(length) : 0;
}

/** Reads the body. Throws an {@link ApiError} of status 400 or 413; no more than `most` bytes are kept. */
export async function readBody(request: Request, most: number): Promise<{ body: Json; bytes: number }> {
  let read = new Uint8Array(Math.min(most, FIRST_BYTES));
  let bytes = 0;
  try {
    for await (const chunk of request.body ?? []) {
      if (bytes + chunk.length > most) throw tooLarge(most);
      if (bytes + chunk.length > read.length) read = longer(read, Math.min(most, 2 * (bytes + chunk.length)));
      read.set(chunk, bytes);
      bytes += chunk.length;
    }
  } catch (error) {
    if (error instanceof ApiError) throw error;
    throw new ApiError(400, 'The body broke off.', { code: 'incomplete_body', cause: error });
  }
  return { body: parse(read.subarray(0, bytes)), bytes };
}

function longer(bytes: Uint8Array, length: number): Uint8Array<ArrayBuffer> {
  const copy = new Uint8Array(length);
  copy.set(bytes);
  return copy;
}

function parse(bytes: Uint8Array): Json {
  let text: string;
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    throw new ApiError(400, 'The body is not UTF-8.', { code: 'invalid_utf8' });
  }
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new ApiError(400, `The body is not JSON: ${(error as Error).message}`, { code: 'invalid_json' });
  }
  if (!isObject(value)) throw new ApiError(400, 'The body is no JSON object.', { code: 'invalid_json' });
  return value;
}

function tooLarge(most: number): ApiError {
  return new ApiError(413, `The body has more than ${most} bytes.`, { code: 'request_too_large' });
}
