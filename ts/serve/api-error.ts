/** Refusals and failures as HTTP has them: a status, and OpenAI's `{ error: { message, type, param, code } }`. */
import { type ErrorCode, type HeadraceError, isHeadraceError } from '../errors.ts';
import type { ApiErrorCode } from './error-codes.ts';

/** What an error says besides its status and message. */
export interface ApiErrorDetails {
  /** The parameter that is wrong, by its path in the body. */
  readonly param?: string | undefined;
  readonly code?: ApiErrorCode | ErrorCode;
  /** Seconds after which trying again makes sense. */
  readonly retryAfter?: number;
  /** Methods that the path does take. */
  readonly allow?: string;
  readonly cause?: unknown;
}

export class ApiError extends Error {
  override readonly name = 'ApiError';
  readonly status: number;
  readonly param: string | undefined;
  readonly code: string | undefined;
  readonly headers: Readonly<Record<string, string>>;

  constructor(status: number, message: string, details: ApiErrorDetails = {}) {
    super(message, { cause: details.cause });
    this.status = status;
    this.param = details.param;
    this.code = details.code;
    this.headers = {
      ...(details.retryAfter === undefined ? {} : { 'retry-after': String(details.retryAfter) }),
      ...(details.allow === undefined ? {} : { allow: details.allow }),
      ...(status === 401 ? { 'www-authenticate': 'Bearer' } : {}),
    };
  }

  /** The body of the response, and of an event of a stream that had begun. */
  toJSON(): { error: { message: string; type: string; param: string | null; code: string | null } } {
    const { message, status, param = null, code = null } = this;
    return { error: { message, type: typeOf(status), param, code } };
  }
}

function typeOf(status: number): string {
  if (status >= 500) return 'server_error';
  return status === 429 ? 'rate_limit_error' : 'invalid_request_error';
}

/** A refusal of a parameter. */
export function refused(param: string, message: string, code?: ApiErrorCode): ApiError {
  return new ApiError(400, message, { param, ...(code === undefined ? {} : { code }) });
}

/** What the engine's errors are in HTTP; those that are not here are 500. */
const ENGINE_ERRORS: { readonly [code in ErrorCode]?: { status: number; code?: ApiErrorCode } } = {
  HR_CONTEXT_LENGTH: { status: 400, code: 'context_length_exceeded' },
  HR_KV_CAPACITY: { status: 400, code: 'kv_capacity_exceeded' },
  HR_OPTION_INVALID: { status: 400 },
  HR_CHAT_TEMPLATE: { status: 400, code: 'chat_template_failed' },
  HR_CANCELLED: { status: 499, code: 'client_closed_request' },
  HR_QUEUE_FULL: { status: 503, code: 'server_is_overloaded' },
  HR_ENGINE_CLOSED: { status: 503, code: 'engine_has_ended' },
};

/** Whatever was thrown, as an error of HTTP; `param` is what the engine was working on. */
export function apiErrorOf(error: unknown, param: string | undefined, retryAfter: number): ApiError {
  if (error instanceof ApiError) return error;
  if (!isHeadraceError(error)) return failure('HR_INTERNAL', 'The server failed on this request.', error);
  const known = ENGINE_ERRORS[error.code];
  if (known === undefined) return failure(error.code, error.summary, error);
  const { status, code = error.code } = known;
  return new ApiError(status, said(error), {
    ...{ code, cause: error },
    ...(status === 400 ? { param } : {}),
    ...(status === 503 ? { retryAfter } : {}),
  });
}

function failure(code: ErrorCode, message: string, cause: unknown): ApiError {
  return new ApiError(500, message, { code, cause });
}

function said({ summary, hint }: HeadraceError): string {
  return hint === undefined ? summary : `${summary} ${hint}`;
}
