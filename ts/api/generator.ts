/** The seeded generator: columns whose values are functions of the seed, the column and the row number alone. */
import { HeadraceError } from '../errors.ts';
import type { DataType, Field, GeneratorValue, Op } from '../plan/generated.ts';
import { type DurationInput, toMicros } from './duration.ts';
import type { AnyExpr, F64, I64, Timestamp, Utf8 } from './expr-types.ts';
import { notNegative } from './window.ts';

/** How the values of a generated column of type `E` are made. */
export interface Generated<E extends AnyExpr> {
  readonly '~expr'?: E;
  /** As the plan writes it. */
  readonly value: GeneratorValue;
}

/** The columns of a generator. */
export type GeneratorColumns = Readonly<Record<string, Generated<AnyExpr>>>;

/** The schema of generated columns. */
export type GeneratedSchema<C extends GeneratorColumns> = {
  -readonly [N in keyof C]: NonNullable<C[N]['~expr']>;
};

/** What a generator makes. */
export interface GeneratorOptions<C extends GeneratorColumns> {
  readonly columns: C;
  /** Rows over all partitions. */
  readonly rows: number;
  /** Rows are dealt to the partitions in turn; 1 by default. */
  readonly partitions?: number;
  /** 0 by default. */
  readonly seed?: number;
}

/** How generated values are made. All numbers are safe integers unless said otherwise. */
export const generate = {
  /** i64: `start`, `start + step`, …; 0, 1, 2, … by default. */
  sequence({ start = 0, step = 1 }: { start?: number; step?: number } = {}): Generated<I64> {
    return { value: { kind: 'sequence', start: whole('start', start), step: whole('step', step) } };
  },
  /** i64, uniform from `min` to `max`, both included. */
  integer({ min, max }: { min: number; max: number }): Generated<I64> {
    ordered(whole('min', min), whole('max', max));
    return { value: { kind: 'integer', min, max } };
  },
  /** f64, uniform from `min` to below `max`. */
  float({ min, max }: { min: number; max: number }): Generated<F64> {
    ordered(min, max);
    return { value: { kind: 'float', min, max } };
  },
  /** utf8, one of the values: uniform, or by Zipf's law with the given exponent, the first value the most frequent. */
  choice(values: readonly string[], { exponent = 0 }: { exponent?: number } = {}): Generated<Utf8> {
    if (values.length === 0)
      throw new HeadraceError('HR_OPTION_INVALID', 'generate.choice() was given no values.');
    within('exponent', exponent, 0, 100);
    return { value: { kind: 'choice', values: [...values], exponent } };
  },
  /** timestamp: `start + row × step`, less a uniform time up to `jitter`, so that rows come out of order. */
  timestamp(options: {
    start: bigint | Date;
    step: DurationInput;
    jitter?: DurationInput;
  }): Generated<Timestamp> {
    const { start, step, jitter = '0s' } = options;
    const micros = start instanceof Date ? start.getTime() * 1000 : Number(start);
    return {
      value: {
        kind: 'timestamp',
        start: whole('start', micros),
        step: toMicros(step),
        jitter: notNegative('jitter', jitter),
      },
    };
  },
} as const;

const TYPES: Readonly<Record<GeneratorValue['kind'], DataType>> = {
  sequence: { type: 'i64' },
  integer: { type: 'i64' },
  float: { type: 'f64' },
  choice: { type: 'utf8' },
  timestamp: { type: 'timestamp' },
};

const U32_MAX = 2 ** 32 - 1;
const PARTITIONS_MAX = 1024;

/** The generator as an operator, and its columns. */
export function generatorOrigin(
  { columns, rows, partitions = 1, seed = 0 }: GeneratorOptions<GeneratorColumns>,
  rate: number | null,
): { op: Op; fields: Field[] } {
  const list = Object.entries(columns).map(([name, { value }]) => ({ name, value }));
  const op: Op = {
    op: 'generatorSource',
    columns: list,
    rows: within('rows', whole('rows', rows), 0, Number.MAX_SAFE_INTEGER),
    partitions: within('partitions', whole('partitions', partitions), 1, PARTITIONS_MAX),
    seed: within('seed', whole('seed', seed), 0, U32_MAX),
    rate,
  };
  return { op, fields: list.map(({ name, value }) => ({ name, data: TYPES[value.kind], nullable: false })) };
}

function whole(name: string, value: number): number {
  if (Number.isSafeInteger(value)) return value;
  throw new HeadraceError(
    'HR_OPTION_INVALID',
    `The generator's ${name} is ${value}, which is not a safe integer.`,
  );
}

function within(name: string, value: number, min: number, max: number): number {
  if (value >= min && value <= max) return value;
  throw new HeadraceError(
    'HR_OPTION_INVALID',
    `The generator's ${name} is ${value}; it is from ${min} to ${max}.`,
  );
}

function ordered(min: number, max: number): void {
  if (Number.isFinite(max - min) && min <= max) return;
  throw new HeadraceError(
    'HR_OPTION_INVALID',
    `The generator's range from ${min} to ${max} holds no values.`,
  );
}
