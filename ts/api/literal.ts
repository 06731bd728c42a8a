/** Constants in expressions: which literal a JavaScript value becomes beside an operand of a known type. */
import { HeadraceError } from '../errors.ts';
import type { DataType, Literal } from '../plan/generated.ts';
import { fromDate } from './time.ts';

/** A JavaScript value that can stand for a constant. */
export type LiteralValue = null | boolean | number | bigint | string | Date;

const I64_MIN = -(2n ** 63n);
const I64_MAX = 2n ** 63n - 1n;

/**
 * The literal for `value`. Beside an operand of type `beside` it takes the type that leaves the operand's type as it is:
 * `1` beside an i64 is an i64, beside an f64 an f64; a `bigint` beside a timestamp is a timestamp.
 *
 * Throws `HR_TYPE_MISMATCH` for a value that has no literal, such as a fraction beside an integer.
 */
export function literalOf(value: unknown, beside: DataType | undefined): Literal {
  switch (typeof value) {
    case 'boolean':
      return { type: 'bool', value };
    case 'string':
      return { type: 'utf8', value };
    case 'bigint':
      return integerLiteral(value, beside);
    case 'number':
      return numberLiteral(value, beside);
    default:
  }
  if (value === null) return { type: 'null' };
  if (value instanceof Date) return { type: 'timestamp', value: String(fromDate(value)) };
  throw new HeadraceError('HR_TYPE_MISMATCH', `${describe(value)} cannot stand in an expression.`, {
    hint: 'Use a column, another expression, or a boolean, number, bigint, string, Date or null.',
  });
}

function integerLiteral(value: bigint, beside: DataType | undefined): Literal {
  if (value < I64_MIN || value > I64_MAX) {
    throw new HeadraceError('HR_TYPE_MISMATCH', `${value} does not fit into 64 bits.`);
  }
  const type = beside?.type === 'timestamp' || beside?.type === 'duration' ? beside.type : 'i64';
  return { type, value: String(value) };
}

function numberLiteral(value: number, beside: DataType | undefined): Literal {
  const whole = Number.isSafeInteger(value) && !Object.is(value, -0);
  switch (beside?.type) {
    case 'f32':
      if (Number.isFinite(Math.fround(value)) || !Number.isFinite(value)) return floatLiteral(value);
      throw new HeadraceError('HR_TYPE_MISMATCH', `${value} is beyond the range of f32.`, {
        hint: 'Use lit() for an f64.',
      });
    case 'f64':
      return floatLiteral(value);
    case 'i32':
    case 'date':
      if (whole && value === (value | 0)) return { type: beside.type, value };
      throw notWhole(value, beside.type);
    case 'i64':
    case 'duration':
      if (whole) return { type: 'i64', value: String(value) };
      throw notWhole(value, beside.type);
    default:
      return whole ? { type: 'i64', value: String(value) } : floatLiteral(value);
  }
}

/** The 64-bit float literal; infinities and NaN have names because JSON numbers cannot carry them. */
export function floatLiteral(value: number): Literal {
  let text = Object.is(value, -0) ? '-0' : String(value);
  if (value === Number.POSITIVE_INFINITY) text = 'inf';
  if (value === Number.NEGATIVE_INFINITY) text = '-inf';
  return { type: 'f64', value: text };
}

function notWhole(value: number, type: string): HeadraceError {
  return new HeadraceError('HR_TYPE_MISMATCH', `${value} is not a whole number that fits beside ${type}.`, {
    hint:
      type === 'i32'
        ? 'Use a bigint, or lit() for a float.'
        : 'Use a bigint for large numbers, lit() for a float.',
  });
}

/** A value as a message names it. */
export function describe(value: unknown): string {
  if (typeof value === 'function') return 'A function';
  if (typeof value === 'symbol') return String(value);
  if (typeof value === 'object' && value !== null)
    return `A value of class ${value.constructor?.name ?? 'Object'}`;
  return `The value ${String(value)}`;
}
