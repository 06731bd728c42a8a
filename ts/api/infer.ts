/**
 * The types of expressions while a pipeline is built. They decide which literal a JavaScript constant becomes; the
 * compiler infers all types again and is the one that refuses a wrong combination.
 */
import type { BinaryOp, DataType, Function as FunctionName } from '../plan/generated.ts';

type Known = DataType | undefined;

const INTEGERS: ReadonlySet<string> = new Set(['i32', 'i64']);
const TIMES: ReadonlySet<string> = new Set(['timestamp', 'date']);
const FLOATS: ReadonlySet<string> = new Set(['f32', 'f64']);

/** The type of `left op right`. */
export function binaryType(op: BinaryOp, left: Known, right: Known): Known {
  switch (op) {
    case 'plus':
    case 'minus':
    case 'times':
    case 'divide':
    case 'modulo':
      return left === undefined || right === undefined ? undefined : arithmeticType(op, left, right);
    default:
      return { type: 'bool' };
  }
}

function arithmeticType(op: BinaryOp, left: DataType, right: DataType): Known {
  if (TIMES.has(left.type)) return { type: TIMES.has(right.type) ? 'duration' : 'timestamp' };
  if (TIMES.has(right.type)) return { type: 'timestamp' };
  if (left.type === 'duration' || right.type === 'duration')
    return op === 'divide' ? undefined : { type: 'duration' };
  if (left.type === right.type) return left;
  if (INTEGERS.has(left.type) && INTEGERS.has(right.type)) return { type: 'i64' };
  const numeric = (type: string): boolean => INTEGERS.has(type) || FLOATS.has(type);
  return numeric(left.type) && numeric(right.type) ? { type: 'f64' } : undefined;
}

/** The type of `fn(args)`. */
export function callType(fn: FunctionName, args: readonly Known[]): Known {
  switch (fn) {
    case 'coalesce':
    case 'nullIf':
    case 'abs':
      return args.find((arg) => arg !== undefined);
    case 'floor':
    case 'ceil':
    case 'round':
      return { type: args[0]?.type === 'f32' ? 'f32' : 'f64' };
    case 'sqrt':
      return { type: 'f64' };
    case 'lower':
    case 'upper':
    case 'trim':
    case 'concat':
    case 'substring':
      return { type: 'utf8' };
    case 'startsWith':
    case 'endsWith':
    case 'contains':
    case 'like':
      return { type: 'bool' };
    case 'truncateTo':
      return { type: 'timestamp' };
    case 'durationMicros':
      return { type: 'duration' };
    default:
      return { type: 'i64' };
  }
}
