/** From values as users write them to Arrow arrays, with an exact check of every value. */
import type { DataType, Field } from '../plan/generated.ts';
import { type ArrayData, bytesOf, DICTIONARY_TEXTS } from './array-data.ts';
import type { Row } from './rows.ts';
import { describe, ShapeError } from './shape-error.ts';

/**
 * One value per row as a column of `field`. A typed array that carries the type already is taken as it is; any other
 * value is checked: see `Column` for JavaScript's side of each type. Besides, an `i64` takes a safe integer, a
 * `timestamp` and a `date` take a `Date`. `undefined` is null. O(values).
 *
 * @throws ShapeError naming the first value that does not fit.
 */
export function encodeValues(field: Field, values: ArrayLike<unknown>): ArrayData {
  return encodeAt(field, values, field.name, (index) => index);
}

/** @param rowOf the row that a value belongs to, for values inside lists. */
function encodeAt(
  field: Field,
  values: ArrayLike<unknown>,
  path: string,
  rowOf: (index: number) => number,
): ArrayData {
  const type = field.data;
  const whole = asIs(type, values);
  if (whole !== undefined) return whole;
  const site = new Site(values, field.nullable, path, rowOf);
  const { buffers, children } = parts(type, values, site);
  const { nullCount, validity } = site;
  return { type, length: values.length, nullCount, validity, buffers, children };
}

/** The column being encoded: notes its nulls, and refuses what does not fit. */
class Site {
  validity: Uint8Array | null = null;
  nullCount = 0;
  readonly path: string;
  readonly rowOf: (index: number) => number;
  readonly #values: ArrayLike<unknown>;
  readonly #nullable: boolean;

  constructor(values: ArrayLike<unknown>, nullable: boolean, path: string, rowOf: (index: number) => number) {
    this.#values = values;
    this.#nullable = nullable;
    this.path = path;
    this.rowOf = rowOf;
  }

  /** Takes the value at `index`, which is none of its type: it is null, or an error. */
  takeOther(index: number, expected: string): void {
    const value = this.#values[index];
    if (!isMissing(value)) this.#refuse(index, `should be ${expected}, got ${describe(value)}`);
    if (!this.#nullable) this.#refuse(index, `is ${describe(value)}, but it is not declared nullable`);
    this.validity ??= new Uint8Array(Math.ceil(this.#values.length / 8)).fill(255);
    this.validity[index >> 3] = (this.validity[index >> 3] ?? 0) & ~(1 << (index & 7));
    this.nullCount += 1;
  }

  #refuse(index: number, reason: string): never {
    throw new ShapeError(this.path, this.rowOf(index), reason);
  }
}

function isMissing(value: unknown): boolean {
  return value === null || value === undefined;
}

/** A typed array that Arrow would lay out the same way. */
function asIs(type: DataType, values: ArrayLike<unknown>): ArrayData | undefined {
  const fits =
    (values instanceof Float64Array && type.type === 'f64') ||
    (values instanceof Float32Array && type.type === 'f32') ||
    (values instanceof Int32Array && (type.type === 'i32' || type.type === 'date')) ||
    (values instanceof BigInt64Array &&
      (type.type === 'i64' || type.type === 'timestamp' || type.type === 'duration'));
  if (!fits) return undefined;
  const buffers = [bytesOf(values as Float64Array)];
  return { type, length: values.length, nullCount: 0, validity: null, buffers, children: [] };
}

/** The buffers and children of a column. */
function parts(
  type: DataType,
  values: ArrayLike<unknown>,
  site: Site,
): { buffers: Uint8Array[]; children: ArrayData[] } {
  switch (type.type) {
    case 'utf8':
      return { buffers: texts(values, site), children: [] };
    case 'dictionary':
      return dictionary(values, site);
    case 'binary':
      return { buffers: blobs(values, site), children: [] };
    case 'list': {
      const { offsets, items, owners } = flatten(values, site);
      const item = { name: 'item', data: type.item, nullable: true };
      const rowOf = (index: number) => site.rowOf(owners[index] ?? 0);
      return { buffers: [bytesOf(offsets)], children: [encodeAt(item, items, `${site.path}[]`, rowOf)] };
    }
    case 'struct':
      return { buffers: [], children: members(type.fields, values, site) };
    default:
      return { buffers: [bytesOf(fixed(type, values, site))], children: [] };
  }
}

function fixed(type: DataType, values: ArrayLike<unknown>, site: Site): ArrayBufferView {
  switch (type.type) {
    case 'bool':
      return bits(values, site);
    case 'i32':
      return integers(values, 'an integer of 32 bits', site);
    case 'date':
      return integers(days(values), 'a number of days or a Date', site);
    case 'f32':
      return floats(new Float32Array(values.length), values, site);
    case 'f64':
      return floats(new Float64Array(values.length), values, site);
    case 'timestamp':
      return bigints(values, fromDate, 'a bigint of microseconds since the epoch, or a Date', site);
    case 'duration':
      return bigints(values, (value) => value, 'a bigint of microseconds', site);
    default:
      return bigints(values, fromSafeInteger, 'a bigint (or a safe integer)', site);
  }
}

function integers(values: ArrayLike<unknown>, expected: string, site: Site): Int32Array {
  const into = new Int32Array(values.length);
  for (let index = 0; index < into.length; index++) {
    const value = values[index];
    if (typeof value === 'number' && (value | 0) === value) into[index] = value;
    else site.takeOther(index, expected);
  }
  return into;
}

function floats<A extends Float32Array | Float64Array>(into: A, values: ArrayLike<unknown>, site: Site): A {
  for (let index = 0; index < into.length; index++) {
    const value = values[index];
    if (typeof value === 'number') into[index] = value;
    else site.takeOther(index, 'a number');
  }
  return into;
}

const DAY_MS = 86_400_000;

function days(values: ArrayLike<unknown>): ArrayLike<unknown> {
  return Array.from(values, (value) => {
    if (!(value instanceof Date)) return value;
    const number = value.getTime() / DAY_MS;
    // A time of day would be lost, so it stays a Date and is refused.
    return Number.isInteger(number) ? number : value;
  });
}

function fromSafeInteger(value: unknown): unknown {
  return Number.isSafeInteger(value) ? BigInt(value as number) : value;
}

function fromDate(value: unknown): unknown {
  return value instanceof Date && !Number.isNaN(value.getTime()) ? BigInt(value.getTime()) * 1000n : value;
}

function bigints(
  values: ArrayLike<unknown>,
  convert: (value: unknown) => unknown,
  expected: string,
  site: Site,
): BigInt64Array {
  const into = new BigInt64Array(values.length);
  for (let index = 0; index < into.length; index++) {
    let value = values[index];
    if (typeof value !== 'bigint') value = convert(value);
    if (typeof value !== 'bigint') site.takeOther(index, expected);
    else {
      into[index] = value;
      // What does not fit comes back wrapped.
      if (into[index] !== value) site.takeOther(index, `${expected} within 64 bits`);
    }
  }
  return into;
}

function bits(values: ArrayLike<unknown>, site: Site): Uint8Array {
  const into = new Uint8Array(Math.ceil(values.length / 8));
  for (let index = 0; index < values.length; index++) {
    const value = values[index];
    if (value === true) into[index >> 3] = (into[index >> 3] ?? 0) | (1 << (index & 7));
    else if (value !== false) site.takeOther(index, 'true or false');
  }
  return into;
}

const LONE_SURROGATE = /\p{Surrogate}/u;

/** Up to this length a text is written unit by unit, which costs less than a call into the runtime. */
const SHORT_UNITS = 24;

function texts(values: ArrayLike<unknown>, site: Site): Uint8Array[] {
  let units = 0;
  for (let index = 0; index < values.length; index++) {
    const value = values[index];
    if (typeof value === 'string') units += value.length;
    else site.takeOther(index, 'a string');
  }
  const offsets = new Int32Array(values.length + 1);
  // UTF-8 takes at most three bytes for each unit of UTF-16.
  const bytes = Buffer.allocUnsafeSlow(units * 3);
  let end = 0;
  for (let index = 0; index < values.length; index++) {
    const value = values[index];
    if (typeof value === 'string') {
      const ascii = value.length <= SHORT_UNITS ? writeAscii(value, bytes, end) : -1;
      end = ascii >= 0 ? ascii : writeText(value, bytes, end, index);
    }
    offsets[index + 1] = end;
  }
  return [bytesOf(offsets), bytes.subarray(0, end)];

  function writeText(value: string, into: Buffer, at: number, index: number): number {
    const written = into.write(value, at);
    // UTF-8 has no lone surrogates; they would silently become U+FFFD. Pure ASCII has none to look for.
    if (written !== value.length && LONE_SURROGATE.test(value)) site.takeOther(index, 'well-formed Unicode');
    return at + written;
  }
}

/** Writes a text of ASCII alone and returns its end; -1 when it holds anything else. */
function writeAscii(value: string, into: Uint8Array, at: number): number {
  for (let unit = 0; unit < value.length; unit++) {
    const code = value.charCodeAt(unit);
    if (code > 127) return -1;
    into[at + unit] = code;
  }
  return at + value.length;
}

/** Places in a dictionary of the texts that occur, in the order in which they first do. */
function dictionary(
  values: ArrayLike<unknown>,
  site: Site,
): { buffers: Uint8Array[]; children: ArrayData[] } {
  const places = new Int32Array(values.length);
  const known = new Map<string, number>();
  const firstRows: number[] = [];
  for (let index = 0; index < values.length; index++) {
    const value = values[index];
    if (typeof value !== 'string') {
      site.takeOther(index, 'a string');
      continue;
    }
    let place = known.get(value);
    if (place === undefined) {
      place = known.size;
      known.set(value, place);
      firstRows.push(site.rowOf(index));
    }
    places[index] = place;
  }
  const words = encodeAt(DICTIONARY_TEXTS, [...known.keys()], site.path, (index) => firstRows[index] ?? 0);
  return { buffers: [bytesOf(places)], children: [words] };
}

function blobs(values: ArrayLike<unknown>, site: Site): Uint8Array[] {
  const offsets = new Int32Array(values.length + 1);
  const parts: Uint8Array[] = [];
  let end = 0;
  for (let index = 0; index < values.length; index++) {
    const value = values[index];
    if (value instanceof Uint8Array) {
      parts.push(value);
      end += value.length;
    } else site.takeOther(index, 'a Uint8Array');
    offsets[index + 1] = end;
  }
  return [bytesOf(offsets), Buffer.concat(parts)];
}

function flatten(
  values: ArrayLike<unknown>,
  site: Site,
): { offsets: Int32Array; items: unknown[]; owners: number[] } {
  const offsets = new Int32Array(values.length + 1);
  const [items, owners]: [unknown[], number[]] = [[], []];
  for (let index = 0; index < values.length; index++) {
    const value = values[index];
    if (Array.isArray(value) || (ArrayBuffer.isView(value) && !(value instanceof DataView))) {
      for (const item of value as ArrayLike<unknown> & Iterable<unknown>) {
        items.push(item);
        owners.push(index);
      }
    } else site.takeOther(index, 'an array');
    offsets[index + 1] = items.length;
  }
  return { offsets, items, owners };
}

function members(fields: readonly Field[], values: ArrayLike<unknown>, site: Site): ArrayData[] {
  for (let index = 0; index < values.length; index++) {
    const value = values[index];
    if (typeof value !== 'object' || value === null || Array.isArray(value))
      site.takeOther(index, 'an object');
  }
  const { validity } = site;
  const isNull = (index: number) =>
    validity !== null && ((validity[index >> 3] ?? 0) & (1 << (index & 7))) === 0;
  return fields.map((field) => {
    const inner = Array.from(values, (value) => (value as Row | null | undefined)?.[field.name]);
    const path = `${site.path}.${field.name}`;
    // Members of a null struct are null too, whatever they are declared as; only the others are checked for nulls.
    const missing = field.nullable
      ? -1
      : inner.findIndex((value, index) => isMissing(value) && !isNull(index));
    if (missing >= 0) {
      const reason = `is ${describe(inner[missing])}, but it is not declared nullable`;
      throw new ShapeError(path, site.rowOf(missing), reason);
    }
    return encodeAt({ ...field, nullable: true }, inner, path, site.rowOf);
  });
}
