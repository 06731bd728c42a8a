/** The one error type of headrace: a stable code, what happened, where, and what to do. */
import { ERROR_CODES } from './plan/generated.ts';

/** The stable code of an error, such as `HR_UNKNOWN_COLUMN`; `ERROR_CODES` says what each means. */
export type ErrorCode = keyof typeof ERROR_CODES;

/** Where in the pipeline and in the data an error happened, as far as it is known. */
export interface ErrorPlace {
  /** The operator's stable id. */
  readonly uid?: string;
  /** The operator's name for people, such as `window(1h/10m)`. */
  readonly operator?: string;
  /** The user's file and line that created the operator. */
  readonly at?: string;
  /** The origin of the row, `partition:row`. */
  readonly row?: string;
}

/** What an error carries besides its code and message. */
export interface ErrorDetails {
  readonly hint?: string | undefined;
  readonly place?: ErrorPlace | undefined;
  readonly cause?: unknown;
}

// A registered symbol, so that two installed copies of headrace recognise each other's errors.
const BRAND = Symbol.for('headrace.error');

/** An error of headrace. Branch on `code`; messages may change. */
export class HeadraceError extends Error {
  override readonly name = 'HeadraceError';
  /** The stable code. */
  readonly code: ErrorCode;
  /** What happened, without the place and the hint that `message` also carries. */
  readonly summary: string;
  /** What to do about it. */
  readonly hint: string | undefined;
  /** Where it happened. */
  readonly place: ErrorPlace | undefined;
  readonly [BRAND] = true;

  constructor(code: ErrorCode, summary: string, details: ErrorDetails = {}) {
    super(render(code, summary, details), details.cause === undefined ? undefined : { cause: details.cause });
    this.code = code;
    this.summary = summary;
    this.hint = details.hint;
    this.place = details.place;
  }

  /** The error as plain data, the form in which it crosses to Rust and into `--json` output. */
  toJSON(): { code: ErrorCode; message: string; hint?: string; place?: ErrorPlace } {
    return {
      code: this.code,
      message: this.summary,
      ...(this.hint === undefined ? {} : { hint: this.hint }),
      ...(this.place === undefined ? {} : { place: this.place }),
    };
  }
}

/** Whether a value is an error of headrace, of this or of another installed copy. */
export function isHeadraceError(value: unknown): value is HeadraceError {
  return typeof value === 'object' && value !== null && (value as { [BRAND]?: unknown })[BRAND] === true;
}

/**
 * The error that the native library reported: its message is the JSON of `{code, message, hint?, place?}`, or that
 * object itself as it stands in job events. Anything else becomes `HR_INTERNAL` with the original as its cause.
 */
export function fromNative(error: unknown): HeadraceError {
  if (isHeadraceError(error)) return error;
  const report = parseReport(error);
  if (report === undefined) {
    const text = error instanceof Error ? error.message : String(error);
    return new HeadraceError('HR_INTERNAL', text, { cause: error });
  }
  const { code, message, hint, place } = report;
  return new HeadraceError(code, message, {
    hint: typeof hint === 'string' ? hint : undefined,
    place: typeof place === 'object' && place !== null ? (place as ErrorPlace) : undefined,
    cause: error instanceof Error ? error : undefined,
  });
}

interface NativeReport {
  readonly code: ErrorCode;
  readonly message: string;
  readonly hint?: unknown;
  readonly place?: unknown;
}

function parseReport(error: unknown): NativeReport | undefined {
  let value: unknown = error instanceof Error ? error.message : error;
  if (typeof value === 'string') {
    try {
      value = JSON.parse(value);
    } catch {
      return undefined;
    }
  }
  if (typeof value !== 'object' || value === null) return undefined;
  const { code, message } = value as { code?: unknown; message?: unknown };
  const known = typeof code === 'string' && Object.hasOwn(ERROR_CODES, code) && typeof message === 'string';
  return known ? (value as NativeReport) : undefined;
}

function render(code: ErrorCode, summary: string, { hint, place }: ErrorDetails): string {
  let text = `${code}: ${summary}`;
  if (place?.operator !== undefined || place?.at !== undefined) {
    const where = [place.operator && `in ${place.operator}`, place.at && `at ${place.at}`].filter(Boolean);
    text += ` (${where.join(' ')})`;
  }
  if (place?.row !== undefined) text += ` (row ${place.row})`;
  if (hint === undefined) return text;
  return /[.?!]$/.test(summary) ? `${text} ${hint}` : `${text}. ${hint}`;
}
