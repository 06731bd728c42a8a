/**
 * Requests and when they come, as plain data: the same trace can be simulated, run for real, written to a file and read again.
 */
import { HeadraceError } from '../../errors.ts';
import { seededRandom } from './random.ts';

/** A request of a trace. */
export interface TracedRequest {
  /** Milliseconds after the beginning. */
  readonly atMs: number;
  /**
   * Pieces of the prompt, one behind the other: the number of a text, below 2^32, and how many of its first tokens. Prompts that begin with
   * equal pieces begin with equal tokens, and those of different texts have nothing in common.
   */
  readonly prompt: readonly (readonly [text: number, tokens: number])[];
  /** Tokens to generate. */
  readonly output: number;
  /** Higher is earlier, under the policy `priority`. */
  readonly priority: number;
}

/** Requests in the order in which they come. */
export type ArrivalTrace = readonly TracedRequest[];

/** Requests of a trace, and tokens of one of its requests. */
export const TRACE_REQUESTS_MAX = 1_000_000;
export const TRACE_TOKENS_MAX = 131_072;

/** Tokens of a prompt. */
export const promptLength = ({ prompt }: TracedRequest): number =>
  prompt.reduce((sum, [, tokens]) => sum + tokens, 0);

/** The tokens of a prompt, for a model with so many. O(tokens). */
export function promptTokens({ prompt }: TracedRequest, vocabulary: number): Uint32Array {
  return Uint32Array.from(
    prompt.flatMap(([text, tokens]) => {
      const random = seededRandom(text);
      return Array.from({ length: tokens }, () => Math.floor(random() * vocabulary));
    }),
  );
}

/** The same requests, `factor` times as far apart. */
export const stretched = (trace: ArrivalTrace, factor: number): ArrivalTrace =>
  trace.map((request) => ({ ...request, atMs: request.atMs * factor }));

/** As JSON, one request a line. */
export const formatTrace = (trace: ArrivalTrace): string =>
  trace.map((request) => `${JSON.stringify(request)}\n`).join('');

/**
 * Reads what {@link formatTrace} wrote; without `priority` it is 0. Throws `HR_OPTION_INVALID` with the number of the first line
 * that is no request, or that comes before the one above it.
 */
export function parseTrace(text: string): ArrivalTrace {
  const lines = text.split('\n').filter((line) => line.trim() !== '');
  if (lines.length > TRACE_REQUESTS_MAX)
    throw wrong(lines.length, `there are more than ${TRACE_REQUESTS_MAX} requests`);
  let last = 0;
  return lines.map((line, at) => {
    const request = requestOf(line);
    if (typeof request === 'string') throw wrong(at + 1, request);
    if (request.atMs < last) throw wrong(at + 1, `atMs is ${request.atMs}, which is before ${last}`);
    last = request.atMs;
    return request;
  });
}

/** The request in a line, or what is wrong with it. */
function requestOf(line: string): TracedRequest | string {
  let parsed: Partial<TracedRequest> | null;
  try {
    parsed = JSON.parse(line);
  } catch {
    return 'it is no JSON';
  }
  const { atMs, prompt, output, priority = 0 } = parsed ?? {};
  if (!(typeof atMs === 'number' && atMs >= 0 && atMs < Number.POSITIVE_INFINITY)) return 'atMs is no time';
  if (!(whole(output) && output >= 1 && output <= TRACE_TOKENS_MAX)) return 'output is no number of tokens';
  if (!whole(priority)) return 'priority is no whole number';
  const isPiece = (piece: unknown) =>
    Array.isArray(piece) &&
    piece.length === 2 &&
    piece.every((part) => whole(part) && part >= 0 && part < 2 ** 32);
  if (!(Array.isArray(prompt) && prompt.every(isPiece))) return 'prompt is no list of pairs';
  const request = { atMs, prompt, output, priority };
  const length = promptLength(request);
  if (length < 1 || length > TRACE_TOKENS_MAX) return 'the prompt has no possible number of tokens';
  return request;
}

const whole = (value: unknown): value is number => Number.isSafeInteger(value);

function wrong(line: number, what: string): HeadraceError {
  return new HeadraceError('HR_OPTION_INVALID', `Line ${line} of the trace is not possible: ${what}.`);
}
