/** Where rows come from. */

import { arrowFields } from '../arrow/from-arrow.ts';
import type { ForeignArrow, HostSource, HostTable } from '../control/hosts.ts';
import { HeadraceError } from '../errors.ts';
import { callSite } from '../plan/call-site.ts';
import type { Field, Op } from '../plan/generated.ts';
import { checkDistinct } from './columns.ts';
import type { Draft } from './draft.ts';
import {
  type GeneratedSchema,
  type GeneratorColumns,
  type GeneratorOptions,
  generatorOrigin,
} from './generator.ts';
import type { RowsOf } from './host-map.ts';
import { fileFields } from './native.ts';
import { placed } from './operators.ts';
import type { AnySchema, InputRowOf, Schema } from './schema.ts';
import { Stream } from './stream.ts';
import { fieldsOf, type SchemaOf, type Types } from './types.ts';

/** Options of sources that can be slowed down. */
export interface RateOptions {
  /** Rows per second at most. Without it, as fast as the rest of the job allows. */
  readonly rate?: number;
}

/** Declared columns, or columns that only the data knows. */
type Declared<T extends Types | undefined> = T extends Types ? SchemaOf<T> : AnySchema;

/** What an asynchronous iterable may yield: rows one by one, or many at once. */
export type Yielded<T extends Types> = InputRowOf<SchemaOf<T>> | RowsOf<SchemaOf<T>>;

/**
 * Rows of Parquet files, in the order of the list and in file order.
 *
 * With a `schema`, only its columns are read, and they must have its types. Without one the columns are read from the
 * first file now: misspelt names are found at once, but not by the type checker. Text is read as a dictionary only where
 * one is declared.
 */
function parquet<T extends Types | undefined = undefined>(
  paths: string | readonly string[],
  options: RateOptions & { readonly schema?: T } = {},
): Stream<Declared<T>, null> {
  const list = typeof paths === 'string' ? [paths] : [...paths];
  return begin(`parquet(${list.length === 1 ? list[0] : `${list.length} files`})`, () => {
    const [first] = list;
    if (first === undefined || list.some((path) => typeof path !== 'string' || path === '')) {
      throw new HeadraceError('HR_OPTION_INVALID', 'source.parquet() takes the path of a file, or several.');
    }
    const schema = options.schema === undefined ? null : fieldsOf(options.schema);
    const op: Op = { op: 'parquetSource', paths: list, schema, rate: checkedRate(options.rate) };
    return { op, fields: schema ?? fileFields(first) };
  });
}

/** Rows in memory, in order. They are copied when the job is created, and can be replayed. */
function rows<T extends Types>(
  list: RowsOf<SchemaOf<T>>,
  options: RateOptions & { readonly schema: T },
): Stream<SchemaOf<T>, null> {
  return begin('rows', () =>
    inMemory({ rows: list as HostTable['rows'], schema: fieldsOf(options.schema) }, options),
  );
}

/**
 * The rows of an apache-arrow `Table`, in order. They are copied when the job is created, and can be replayed. A
 * dictionary stays one where it is declared; without a schema it is read as its values, because
 * arrow-js makes a dictionary of any array of strings.
 */
function table<T extends Types | undefined = undefined>(
  data: ForeignArrow,
  options: RateOptions & { readonly schema?: T } = {},
): Stream<Declared<T>, null> {
  return begin('table', () => {
    const schema = options.schema === undefined ? arrowFields(data) : fieldsOf(options.schema);
    return inMemory({ rows: data, schema }, options);
  });
}

/** A seeded generator: the same rows every time, whatever the parallelism. See {@link generate} for its columns. */
function generator<const C extends GeneratorColumns>(
  options: RateOptions & GeneratorOptions<C>,
): Stream<GeneratedSchema<C>, null> {
  return begin('generator', () => generatorOrigin(options, checkedRate(options.rate)));
}

/**
 * Whatever an iterable yields: rows one by one, arrays of rows, or Arrow batches. It is read once, so a job with
 * checkpoints refuses it (`HR_NOT_REPLAYABLE`).
 */
function iterable<T extends Types>(
  values: AsyncIterable<Yielded<T>> | Iterable<Yielded<T>>,
  options: { readonly schema: T },
): Stream<SchemaOf<T>, null> {
  return begin('iterable', () => {
    const schema = fieldsOf(options.schema);
    const host = { kind: 'source', schema, iterable: values as HostSource['iterable'] } as const;
    return { op: { op: 'hostSource', host: 0, schema }, fields: schema, host: () => host };
  });
}

interface Origin {
  readonly op: Op;
  readonly fields: readonly Field[];
  readonly host?: NonNullable<Draft['host']>;
  readonly rows?: HostTable;
}

function inMemory(rows: HostTable, { rate }: RateOptions): Origin {
  const op: Op = { op: 'tableSource', table: 0, schema: [...rows.schema], rate: checkedRate(rate) };
  return { op, fields: rows.schema, rows };
}

function begin<S extends Schema>(name: string, origin: () => Origin): Stream<S, null> {
  const at = callSite();
  const draft = placed(name, at, (): Draft => {
    const { fields, ...rest } = origin();
    if (fields.length === 0) throw new HeadraceError('HR_PLAN_INVALID', 'The source has no columns.');
    checkDistinct(fields.map((field) => field.name));
    return {
      ...rest,
      name,
      at,
      uid: undefined,
      inputs: [],
      columns: fields,
      eventTime: null,
      updates: false,
    };
  });
  return new Stream({ draft, port: 0 });
}

function checkedRate(rate: number | undefined): number | null {
  if (rate === undefined || rate === Number.POSITIVE_INFINITY) return null;
  if (rate > 0) return rate;
  throw new HeadraceError(
    'HR_OPTION_INVALID',
    `The rate is ${rate}; it is a number of rows per second above zero.`,
  );
}

/** Where a pipeline begins. */
export const source = { parquet, rows, table, iterable, generator } as const;
