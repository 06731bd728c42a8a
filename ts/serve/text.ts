/** Texts and objects in the bodies of requests. */
import { type ApiError, refused } from './api-error.ts';

export type Json = { readonly [name: string]: unknown };

export function isObject(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Null is the same as not given. */
export function isMissing(value: unknown): value is null | undefined {
  return value === undefined || value === null;
}

export function missing(param: string): ApiError {
  return refused(param, `'${param}' is missing.`, 'missing_required_parameter');
}

/** A text, which has no half of a surrogate pair: that is no character, and has no bytes. */
export function textOf(value: unknown, param: string, longest = Number.POSITIVE_INFINITY): string {
  if (isMissing(value)) throw missing(param);
  if (typeof value !== 'string') throw refused(param, `'${param}' is a text.`);
  if (value.length > longest) throw refused(param, `'${param}' has at most ${longest} letters.`);
  const surrogate = value.search(/\p{Surrogate}/u);
  if (surrogate >= 0)
    throw refused(param, `'${param}' has half a surrogate pair at position ${surrogate}.`, 'invalid_unicode');
  return value;
}

/** What a client wrote, as it is quoted in messages: no longer than this, and never converted by its own methods. */
export function quoted(value: unknown): string {
  if (typeof value !== 'string') return value === undefined ? 'none' : 'that is no text';
  return JSON.stringify(value.length > 100 ? `${value.slice(0, 100)}…` : value);
}
