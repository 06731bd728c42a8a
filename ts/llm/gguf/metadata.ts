/** The metadata of a model: keys with typed values, and getters that check what they give out. */
import type { Cursor } from './cursor.ts';
import { damaged } from './damaged.ts';

/** The most elements of one array: several times the largest vocabularies and lists of merges. */
export const ARRAY_LENGTH_MAX = 2 ** 21;

type Scalar = number | bigint | boolean | string;

/** A value: a scalar, or a list of scalars of one type. 64-bit integers are bigint. */
export type Value = Scalar | readonly Scalar[];

type ReadScalar = (cursor: Cursor) => (what: string) => Scalar;

/** By the number that stands in the file; bytes are the least that a value takes. */
const SCALARS: ReadonlyMap<number, { readonly bytes: number; readonly read: ReadScalar }> = new Map<
  number,
  { bytes: number; read: ReadScalar }
>([
  [0, { bytes: 1, read: (cursor) => cursor.u8 }],
  [1, { bytes: 1, read: (cursor) => cursor.i8 }],
  [2, { bytes: 2, read: (cursor) => cursor.u16 }],
  [3, { bytes: 2, read: (cursor) => cursor.i16 }],
  [4, { bytes: 4, read: (cursor) => cursor.u32 }],
  [5, { bytes: 4, read: (cursor) => cursor.i32 }],
  [6, { bytes: 4, read: (cursor) => cursor.f32 }],
  [7, { bytes: 1, read: (cursor) => cursor.flag }],
  [8, { bytes: 8, read: (cursor) => cursor.text }],
  [10, { bytes: 8, read: (cursor) => cursor.u64 }],
  [11, { bytes: 8, read: (cursor) => cursor.i64 }],
  [12, { bytes: 8, read: (cursor) => cursor.f64 }],
]);

const ARRAY = 9;

/** Reads the value that follows `key`. */
export function readValue(cursor: Cursor, file: { readonly name: string }, key: string): Value {
  const type = cursor.u32(`the type of ${key}`);
  if (type !== ARRAY) return scalar(file, key, type).read(cursor)(key);
  const elements = scalar(file, key, cursor.u32(`the element type of ${key}`));
  // Not more elements than bytes are left for: a count alone makes nobody allocate.
  const room = Math.floor(Math.max(0, cursor.left - 8) / elements.bytes);
  const length = cursor.count(`the length of ${key}`, Math.min(room, ARRAY_LENGTH_MAX));
  const read = elements.read(cursor);
  const what = `an element of ${key}`;
  const values: Scalar[] = [];
  for (let index = 0; index < length; index++) values.push(read(what));
  return values;
}

function scalar(file: { readonly name: string }, key: string, type: number) {
  const found = SCALARS.get(type);
  if (found === undefined) throw damaged(file, `${key} has the type ${type}, which does not exist`);
  return found;
}

/** The metadata of one file. A getter without a `fallback` refuses a file that lacks the key. */
export class Metadata {
  readonly #file: { readonly name: string };
  readonly #values: ReadonlyMap<string, Value>;

  constructor(file: { readonly name: string }, values: ReadonlyMap<string, Value>) {
    this.#file = file;
    this.#values = values;
  }

  /** All keys, in the order of the file. */
  keys(): readonly string[] {
    return [...this.#values.keys()];
  }

  has(key: string): boolean {
    return this.#values.has(key);
  }

  /** The value as it is, for messages. */
  value(key: string): Value | undefined {
    return this.#values.get(key);
  }

  /** A whole number from 0 to 2^53 − 1. */
  whole<F = number>(key: string, ...fallback: [F?]): number | F {
    return this.#get(key, 'a whole number', fallback, (value) => {
      const number = typeof value === 'bigint' ? Number(value) : value;
      return Number.isSafeInteger(number) && (number as number) >= 0 ? (number as number) : undefined;
    });
  }

  /** A finite number. */
  real<F = number>(key: string, ...fallback: [F?]): number | F {
    return this.#get(key, 'a finite number', fallback, (value) =>
      Number.isFinite(value) ? (value as number) : undefined,
    );
  }

  flag<F = boolean>(key: string, ...fallback: [F?]): boolean | F {
    return this.#get(key, 'true or false', fallback, (value) =>
      typeof value === 'boolean' ? value : undefined,
    );
  }

  text<F = string>(key: string, ...fallback: [F?]): string | F {
    return this.#get(key, 'a string', fallback, (value) => (typeof value === 'string' ? value : undefined));
  }

  texts(key: string): readonly string[] {
    return this.#get(key, 'a list of strings', [], (value) => listOf<string>(value, 'string'));
  }

  numbers(key: string): readonly number[] {
    return this.#get(key, 'a list of numbers', [], (value) => listOf<number>(value, 'number'));
  }

  #get<T, F>(key: string, kind: string, fallback: [F?], convert: (value: Value) => T | undefined): T | F {
    const value = this.#values.get(key);
    if (value === undefined) {
      if (fallback.length > 0) return fallback[0] as F;
      throw damaged(this.#file, `it has no ${key}`);
    }
    const converted = convert(value);
    if (converted === undefined) throw damaged(this.#file, `${key} is not ${kind}`);
    return converted;
  }
}

function listOf<T extends Scalar>(value: Value, type: 'string' | 'number'): readonly T[] | undefined {
  // The reader gives every element of a list one type.
  return Array.isArray(value) && (value.length === 0 || typeof value[0] === type)
    ? (value as T[])
    : undefined;
}
