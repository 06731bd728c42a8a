/** Windows over event time: half-open intervals [start, end), aligned to the epoch in UTC unless an offset is given. */
import { HeadraceError } from '../errors.ts';
import { type DurationInput, formatMicros, toMicros } from './duration.ts';

/** A window, in µs. */
export interface WindowSpec {
  readonly size: number;
  /** The distance between the starts of windows. */
  readonly slide: number;
  /** The shift of the starts from the epoch. */
  readonly offset: number;
  /** For people, such as `1h/10m`. */
  readonly name: string;
}

/** Windows one after the other: `tumbling(hours(1))`. Throws `HR_OPTION_INVALID` unless the size is above zero. */
export function tumbling(size: DurationInput, options: { readonly offset?: DurationInput } = {}): WindowSpec {
  const length = positive('size', size);
  const offset = toMicros(options.offset ?? '0s');
  return { size: length, slide: length, offset, name: label(formatMicros(length), offset) };
}

/**
 * Windows that begin every `slide`: they overlap where the size is larger, and leave gaps where it is smaller. The slide
 * need not divide the size. Throws `HR_OPTION_INVALID` unless both are above zero.
 */
export function sliding(options: {
  readonly size: DurationInput;
  readonly slide: DurationInput;
  readonly offset?: DurationInput;
}): WindowSpec {
  const size = positive('size', options.size);
  const slide = positive('slide', options.slide);
  const offset = toMicros(options.offset ?? '0s');
  return { size, slide, offset, name: label(`${formatMicros(size)}/${formatMicros(slide)}`, offset) };
}

function label(text: string, offset: number): string {
  return offset === 0 ? text : `${text}${offset > 0 ? '+' : ''}${formatMicros(offset)}`;
}

/** The length in µs. Throws `HR_OPTION_INVALID` unless it is above zero. */
export function positive(what: string, input: DurationInput): number {
  const length = toMicros(input);
  if (length > 0) return length;
  throw new HeadraceError(
    'HR_OPTION_INVALID',
    `The ${what} is ${formatMicros(length)}; it must be above zero.`,
  );
}

/** The length in µs. Throws `HR_OPTION_INVALID` if it is below zero. */
export function notNegative(what: string, input: DurationInput): number {
  const length = toMicros(input);
  if (length >= 0) return length;
  throw new HeadraceError(
    'HR_OPTION_INVALID',
    `The ${what} is ${formatMicros(length)}; it must not be negative.`,
  );
}
