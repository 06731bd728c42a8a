/** The columns that random expressions are over: one nullable and one required for each type, and how DuckDB holds them. */
import fc from 'fast-check';
import { quoted } from '../../examples/flights/duckdb.ts';
import { t } from '../../ts/index.ts';

/** The types of single values. */
export const KINDS = [
  'bool',
  'i32',
  'i64',
  'f32',
  'f64',
  'utf8',
  'binary',
  'date',
  'timestamp',
  'duration',
] as const;
export type Kind = (typeof KINDS)[number];

/** A value as rows carry it. */
export type Value = null | boolean | number | bigint | string | Uint8Array;
export type Row = Readonly<Record<string, Value>>;

/** The name of a column: `i32` may be null, `i32Set` may not. */
export const columnName = (kind: Kind, nullable: boolean): string => (nullable ? kind : `${kind}Set`);

/** The declaration of all columns. */
export const schema = Object.fromEntries(
  KINDS.flatMap((kind) => [
    [columnName(kind, true), t[kind]().nullable()],
    [columnName(kind, false), t[kind]()],
  ]),
);

/**
 * The types in which DuckDB holds them. Times are integers there, because its own types end before 64 bits do; where
 * its calendar is asked, they are converted.
 */
export const SQL_TYPES: Readonly<Record<Kind, string>> = {
  bool: 'BOOLEAN',
  i32: 'INTEGER',
  i64: 'BIGINT',
  f32: 'REAL',
  f64: 'DOUBLE',
  utf8: 'VARCHAR',
  binary: 'BLOB',
  date: 'INTEGER',
  timestamp: 'BIGINT',
  duration: 'BIGINT',
};

const I64_MAX = 2n ** 63n - 1n;

const FLOATS = [-0, 0, 0.5, -0.5, 1.5, 2.5, -2.5, 0.1, Number.NaN, Infinity, -Infinity];

const TEXTS = [
  ...[
    '',
    ' ',
    'a',
    'A',
    'ab',
    'a%b',
    '_',
    "it's",
    'Ä',
    'straße',
    '日本',
    '😀x',
    'e\u0301',
    'İ',
    '\u00a0x\u3000',
  ],
  ...['0', '12', ' 12 ', '-7.5', '1e3', '0x1F', '2147483648', '9223372036854775808', 'nan', 'true', 'F'],
  ...[
    '2001-02-03',
    '2001-02-03 04:05:06.789',
    '2001-02-30',
    '0044-03-15 (BC)',
    '1969-12-31T23:59:59.999999Z',
  ],
];

/** Values of each type: mostly small ones, which meet each other, and the ends of the type. */
export const values: Readonly<Record<Kind, fc.Arbitrary<Exclude<Value, null>>>> = {
  bool: fc.boolean(),
  i32: often(fc.integer({ min: -9, max: 9 }), [2 ** 31 - 1, -(2 ** 31), 65_536, -46_341]),
  i64: often(fc.bigInt(-9n, 9n), [I64_MAX, -I64_MAX - 1n, 2n ** 53n + 1n, -(2n ** 32n), 3_037_000_500n]),
  f32: often(
    fc.integer({ min: -9, max: 9 }),
    [...FLOATS, 3.4e38, -3.4e38, 1e-45, 16_777_217].map(Math.fround),
  ),
  f64: often(fc.integer({ min: -9, max: 9 }), [...FLOATS, 1.7e308, -1.7e308, 5e-324, 2 ** 53, 9.3e18, 1e16]),
  utf8: fc.oneof(
    fc.constantFrom(...TEXTS),
    fc.string({ unit: fc.constantFrom('a', 'B', 'é', '%', ' ', '7'), maxLength: 3 }),
  ),
  binary: fc.oneof(
    fc.constantFrom('', 'é', '日本').map((text) => new TextEncoder().encode(text)),
    fc.uint8Array({ maxLength: 3 }),
  ),
  date: often(fc.integer({ min: -400, max: 400 }), [-719_529, 11_016, 2_932_896, -1_000_000]),
  timestamp: often(fc.bigInt(-100_000_000_000n, 100_000_000_000n), [
    0n,
    -1n,
    951_782_400_000_000n,
    9_200_000_000_000_000_000n,
    -9_200_000_000_000_000_000n,
  ]),
  duration: often(fc.bigInt(-90_000_000_000n, 90_000_000_000n), [0n, 1n, -1n, I64_MAX, -I64_MAX - 1n]),
};

function often<V>(usual: fc.Arbitrary<V>, special: readonly V[]): fc.Arbitrary<V> {
  return fc.oneof({ weight: 4, arbitrary: usual }, { weight: 1, arbitrary: fc.constantFrom(...special) });
}

/** A row of all columns. */
export const row: fc.Arbitrary<Row> = fc.record(
  Object.fromEntries(
    KINDS.flatMap((kind) => [
      [columnName(kind, true), fc.option(values[kind], { freq: 5 })],
      [columnName(kind, false), values[kind]],
    ]),
  ),
);

/** A value as an SQL literal of its type. */
function literal(kind: Kind, value: Value): string {
  if (value === null) return `CAST(NULL AS ${SQL_TYPES[kind]})`;
  if (value instanceof Uint8Array) return `from_hex('${Buffer.from(value).toString('hex')}')`;
  const text = Object.is(value, -0) ? '-0.0' : String(value);
  return kind === 'utf8' ? quoted(text) : `CAST('${text}' AS ${SQL_TYPES[kind]})`;
}

/**
 * A value in an expression. DuckDB leaves out what stands beside a null that it knows beforehand, and its errors with
 * it; so it is not told that this is a constant.
 */
export function constantSql(kind: Kind, value: Value): string {
  return `(CASE WHEN "row" >= 0 THEN ${literal(kind, value)} END)`;
}

/** The rows as a relation, numbered from 0 in the column `row`. */
export function relation(rows: readonly Row[]): string {
  const names = Object.keys(schema);
  const kindOf = (name: string): Kind =>
    KINDS.find((kind) => name === kind || name === `${kind}Set`) ?? 'bool';
  const tuples = rows.map((each, index) => {
    const cells = names.map((name) => literal(kindOf(name), each[name] ?? null));
    return `(${[String(index), ...cells].join(', ')})`;
  });
  return `(VALUES ${tuples.join(',\n')}) AS input("row", ${names.map((name) => `"${name}"`).join(', ')})`;
}
