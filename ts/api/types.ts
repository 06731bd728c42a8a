/** The types of columns, as a schema declares them: `{ id: t.i64(), name: t.utf8().nullable() }`. */
import type { DataType, Field } from '../plan/generated.ts';
import type {
  AnyExpr,
  Binary,
  Bool,
  CalendarDay,
  Duration,
  F32,
  F64,
  I32,
  I64,
  List,
  Struct,
  Timestamp,
  Utf8,
} from './expr-types.ts';

/** The type of a column. */
export class Type<E extends AnyExpr> {
  /** The expression type of such a column; for the type checker only. */
  declare readonly '~expr': E;
  /** The type as the plan writes it. */
  readonly data: DataType;
  /** Whether the column may hold nulls. */
  readonly isNullable: boolean;

  constructor(data: DataType, isNullable = false) {
    this.data = data;
    this.isNullable = isNullable;
    Object.freeze(this);
  }

  /** The same type, with nulls allowed. */
  nullable(): Type<E['~nullable']> {
    return new Type(this.data, true);
  }
}

/** Columns by name, as a user declares them. */
export type Types = Readonly<Record<string, Type<AnyExpr>>>;

/** The columns of a declaration, as streams carry them. */
export type SchemaOf<T extends Types> = { -readonly [C in keyof T]: T[C]['~expr'] } & {};

/** The declared columns as the plan writes them, in the order of the declaration. */
export function fieldsOf(types: Types): Field[] {
  return Object.entries(types).map(([name, type]) => ({ name, data: type.data, nullable: type.isNullable }));
}

/** The types that columns can have. None allows nulls until `.nullable()` says so. */
export const t = {
  /** True or false. */
  bool: (): Type<Bool> => new Type({ type: 'bool' }),
  /** 32-bit integer; `number`. */
  i32: (): Type<I32> => new Type({ type: 'i32' }),
  /** 64-bit integer; `bigint`. */
  i64: (): Type<I64> => new Type({ type: 'i64' }),
  /** 32-bit float; `number`. */
  f32: (): Type<F32> => new Type({ type: 'f32' }),
  /** 64-bit float; `number`. */
  f64: (): Type<F64> => new Type({ type: 'f64' }),
  /** Text; `string`. */
  utf8: (): Type<Utf8> => new Type({ type: 'utf8' }),
  /**
   * Text whose values are held once for each batch, in a dictionary; `string`. For columns of few values: as the only key
   * of a window it saves looking at the text of every row. To the type checker it is text, and any expression over it
   * yields `utf8`; only the column itself, or `cast(t.dictionary())`, is a dictionary. A batch that goes to JavaScript
   * carries its whole dictionary.
   */
  dictionary: (): Type<Utf8> => new Type({ type: 'dictionary' }),
  /** Bytes; `Uint8Array`. */
  binary: (): Type<Binary> => new Type({ type: 'binary' }),
  /** A calendar day; `number` of days since 1970-01-01. */
  date: (): Type<CalendarDay> => new Type({ type: 'date' }),
  /** An instant; `bigint` microseconds since the epoch, UTC. */
  timestamp: (): Type<Timestamp> => new Type({ type: 'timestamp' }),
  /** A span of time; `bigint` microseconds. */
  duration: (): Type<Duration> => new Type({ type: 'duration' }),
  /** A list of values of one type, which may be null; an array. */
  list: <E extends AnyExpr>(item: Type<E>): Type<List<E>> => new Type({ type: 'list', item: item.data }),
  /** A record of named values; an object. */
  struct: <T extends Types>(members: T): Type<Struct<SchemaOf<T>>> =>
    new Type({ type: 'struct', fields: fieldsOf(members) }),
} as const;
