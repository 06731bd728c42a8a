/** Random expressions of every type, each written twice: with the builder's methods, and in DuckDB's SQL. */
import fc from 'fast-check';
import { coalesce, concat, days, lit, micros, seconds, t, when } from '../../ts/index.ts';
import { columnName, constantSql, KINDS, type Kind, SQL_TYPES, values } from './columns.ts';

/** An expression as its methods are called here, where types are not known to the checker. */
export interface Untyped {
  readonly [method: string]: (...args: unknown[]) => Untyped;
}
export type Columns = Readonly<Record<string, Untyped>>;

/** An expression: as TypeScript to be read, as what `select` takes, and as SQL. */
export interface Tree {
  readonly kind: Kind;
  readonly source: string;
  readonly build: (f: Columns) => unknown;
  readonly sql: string;
  /** Whether it is a constant of a declared type, which takes the type of an f32 beside it. */
  readonly adapts?: boolean;
}

/** A value that SQL cannot compute; casts of such texts name the code that the engine should report. */
const failure = (code: string, type: string): string => `CAST('${code}' AS ${type})`;

type Trees = fc.Arbitrary<Tree>;

const column = (kind: Kind): Trees =>
  fc.boolean().map((nullable) => {
    const name = columnName(kind, nullable);
    return { kind, source: `f.${name}`, build: (f: Columns) => f[name], sql: `"${name}"` };
  });

/** A constant as the builder takes it beside an operand. */
const constant = (kind: Kind): Trees =>
  values[kind].map((value) => ({
    kind,
    source: show(value),
    build: () => value,
    sql: constantSql(kind, value),
  }));

/** A constant of a declared type; of bytes there is none but null. */
const declared = (kind: Kind): Trees =>
  (kind === 'binary' ? fc.constant(null) : fc.option(values[kind], { freq: 4 })).map((value) => ({
    kind,
    source: `lit(${show(value)}, t.${kind}().nullable())`,
    build: () => lit(value as never, t[kind]().nullable() as never),
    sql: constantSql(kind, value),
    adapts: true,
  }));

/** Whether two numbers have the type that {@link common} says: an f32 and a declared constant have not. */
const widen = (left: Tree, right: Tree): boolean =>
  left.kind === right.kind ||
  !((left.kind === 'f32' && right.adapts === true) || (right.kind === 'f32' && left.adapts === true));

function show(value: unknown): string {
  if (typeof value === 'bigint') return `${value}n`;
  if (value instanceof Uint8Array) return `Uint8Array.of(${value.join(', ')})`;
  return typeof value === 'string' ? JSON.stringify(value) : Object.is(value, -0) ? '-0' : String(value);
}

/** `receiver.method(args)`. */
function called(kind: Kind, receiver: Tree, method: string, args: readonly Tree[], sql: string): Tree {
  return {
    kind,
    source: `${receiver.source}.${method}(${args.map(({ source }) => source).join(', ')})`,
    build: (f) => (receiver.build(f) as Untyped)[method]?.(...args.map((arg) => arg.build(f))),
    sql: `(${sql})`,
  };
}

const as = ({ kind, sql }: Tree, to: Kind): string =>
  SQL_TYPES[kind] === SQL_TYPES[to] ? sql : `CAST(${sql} AS ${SQL_TYPES[to]})`;

const NUMBERS = ['i32', 'i64', 'f32', 'f64'] as const;
type NumberKind = (typeof NUMBERS)[number];
const isInteger = (kind: Kind): boolean => kind === 'i32' || kind === 'i64';

/** The type that two numbers widen to: the wider integer, and f64 where a float meets anything else. */
function common(a: Kind, b: Kind): Kind {
  if (a === b) return a;
  return isInteger(a) && isInteger(b) ? 'i64' : 'f64';
}

const OPERATORS = { plus: '+', minus: '-', times: '*', dividedBy: '/', modulo: '%' } as const;

function arithmetic(method: keyof typeof OPERATORS, left: Tree, right: Tree): Tree {
  const kind = common(left.kind, right.kind);
  const [l, r] = [as(left, kind), as(right, kind)];
  const divides = method === 'dividedBy' || method === 'modulo';
  const operator = method === 'dividedBy' && isInteger(kind) ? '//' : OPERATORS[method];
  const computed = `${l} ${operator} ${r}`;
  // A division of integers by zero is null in DuckDB, and an error here.
  const guarded = `CASE WHEN ${l} IS NOT NULL AND ${r} = 0 THEN ${failure('HR_DIVISION_BY_ZERO', SQL_TYPES[kind])} ELSE ${computed} END`;
  return called(kind, left, method, [right], divides && isInteger(kind) ? guarded : computed);
}

/** Pairs of numbers whose common type is `kind`. */
function pairsOf(kind: NumberKind): [NumberKind, NumberKind][] {
  return NUMBERS.flatMap((a) => NUMBERS.map((b): [NumberKind, NumberKind] => [a, b])).filter(
    ([a, b]) => common(a, b) === kind,
  );
}

const COMPARISONS = {
  eq: '=',
  ne: '<>',
  lt: '<',
  le: '<=',
  gt: '>',
  ge: '>=',
  isNotDistinctFrom: 'IS NOT DISTINCT FROM',
} as const;
type Comparison = keyof typeof COMPARISONS;
const COMPARISON_NAMES = Object.keys(COMPARISONS) as Comparison[];

const DAY = 86_400_000_000n;
/** Midnight, where 64 bits of microseconds reach it. */
const midnight = (days: string, beyond = failure('HR_CAST_FAILED', 'BIGINT')): string =>
  `CASE WHEN ${days} NOT BETWEEN -106751991 AND 106751991 THEN ${beyond} ELSE CAST(${days} AS BIGINT) * ${DAY} END`;

/** Both sides as one type. */
function aligned(left: Tree, right: Tree): [string, string] {
  const kinds = new Set([left.kind, right.kind]);
  if (kinds.size === 1) return [left.sql, right.sql];
  if (kinds.has('date')) {
    const instant = (side: Tree) => (side.kind === 'date' ? `(${midnight(side.sql)})` : side.sql);
    return [instant(left), instant(right)];
  }
  const kind = common(left.kind, right.kind);
  return [as(left, kind), as(right, kind)];
}

function comparison(method: Comparison, left: Tree, right: Tree): Tree {
  const [l, r] = aligned(left, right);
  return called('bool', left, method, [right], `${l} ${COMPARISONS[method]} ${r}`);
}

/** The right side is not looked at where the left one decides; DuckDB promises that of CASE only. */
const and = (l: string, r: string): string => `CASE WHEN NOT ${l} THEN FALSE ELSE ${l} AND ${r} END`;
const or = (l: string, r: string): string => `CASE WHEN ${l} THEN TRUE ELSE ${l} OR ${r} END`;

/** Types that may be compared with each other. */
const COMPARABLE: readonly (readonly [Kind, Kind])[] = [
  ...NUMBERS.flatMap((a) => NUMBERS.map((b) => [a, b] as const)),
  ...(['bool', 'utf8', 'date', 'timestamp', 'duration'] as const).map((kind) => [kind, kind] as const),
  ['date', 'timestamp'],
  ['timestamp', 'date'],
];

/** White space as Unicode has it; DuckDB's `trim` means blanks alone. */
const SPACES = [
  ...[9, 10, 11, 12, 13, 32, 0x85, 0xa0, 0x1680, 0x2028, 0x2029, 0x202f, 0x205f, 0x3000],
  ...Array.from({ length: 11 }, (_, index) => 0x2000 + index),
];
const SPACES_SQL = SPACES.map((point) => `chr(${point})`).join(' || ');

type Cast = (value: string, safe: boolean) => string;
const plainCast =
  (to: Kind): Cast =>
  (value, safe) =>
    `${safe ? 'TRY_CAST' : 'CAST'}(${value} AS ${SQL_TYPES[to]})`;
// DuckDB shows the sign of a NaN, which nothing else here tells apart.
const floatText: Cast = (value) => `CASE WHEN isnan(${value}) THEN 'nan' ELSE CAST(${value} AS VARCHAR) END`;
const isFloat = (kind: Kind): boolean => kind === 'f32' || kind === 'f64';

/**
 * All casts between different types. Those that say so are tried on columns only: there times lie within DuckDB's
 * calendar, and texts have none of the tails that it ignores behind a date.
 */
const CASTS: readonly { from: Kind; to: Kind; sql: Cast; ofColumn?: boolean; neverSafe?: boolean }[] = [
  ...(['bool', 'i32', 'i64', 'f32', 'f64', 'utf8'] as const).flatMap((from, _, all) =>
    all
      .filter((to) => to !== from)
      .map((to) => ({ from, to, sql: isFloat(from) && to === 'utf8' ? floatText : plainCast(to) })),
  ),
  { from: 'utf8', to: 'binary', sql: (value) => `encode(${value})` },
  {
    from: 'binary',
    to: 'utf8',
    ofColumn: true,
    // DuckDB has no safe form of this one but TRY, which crashes now and then.
    neverSafe: true,
    sql: (value) => `decode(${value})`,
  },
  {
    from: 'utf8',
    to: 'date',
    ofColumn: true,
    sql: (value, safe) =>
      `CAST(${safe ? 'TRY_CAST' : 'CAST'}(${value} AS DATE) - DATE '1970-01-01' AS INTEGER)`,
  },
  {
    from: 'utf8',
    to: 'timestamp',
    ofColumn: true,
    sql: (value, safe) => `epoch_us(${safe ? 'TRY_CAST' : 'CAST'}(${value} AS TIMESTAMP))`,
  },
  { from: 'date', to: 'timestamp', sql: (value, safe) => midnight(value, safe ? 'NULL' : undefined) },
  {
    from: 'timestamp',
    to: 'date',
    sql: (value) =>
      `CAST(CASE WHEN ${value} % ${DAY} < 0 THEN ${value} // ${DAY} - 1 ELSE ${value} // ${DAY} END AS INTEGER)`,
  },
  {
    from: 'date',
    to: 'utf8',
    ofColumn: true,
    sql: (value) => `CAST(DATE '1970-01-01' + ${value} AS VARCHAR)`,
  },
  {
    from: 'timestamp',
    to: 'utf8',
    ofColumn: true,
    sql: (value) => `CAST(make_timestamp(${value}) AS VARCHAR)`,
  },
  {
    from: 'duration',
    to: 'utf8',
    ofColumn: true,
    sql: (value) => `CAST(to_microseconds(${value}) AS VARCHAR)`,
  },
];

const PARTS = {
  year: 'year',
  month: 'month',
  day: 'day',
  hour: 'hour',
  minute: 'minute',
  dayOfWeek: 'isodow',
};

/** Expressions of each type, a few levels deep. */
export const trees = fc.letrec<Record<Kind, Tree>>((tie) => {
  const of = (kind: Kind): Trees => tie(kind) as Trees;
  const any = fc.oneof(...KINDS.map(of));
  const operand = (kind: Kind): Trees => fc.oneof({ weight: 3, arbitrary: of(kind) }, beside(kind));

  /** A JavaScript constant that has this type beside a column of the same type. */
  const beside = (kind: Kind): Trees => (kind === 'binary' ? declared(kind) : constant(kind));

  const chosen = (kind: Kind): Trees[] => [
    fc.tuple(of(kind), operand(kind)).map(([first, second]) => ({
      kind,
      source: `coalesce(${first.source}, ${second.source})`,
      build: (f: Columns) => coalesce(first.build(f) as never, second.build(f) as never),
      sql: `COALESCE(${first.sql}, ${second.sql})`,
    })),
    fc.tuple(of('bool'), of(kind), fc.option(operand(kind))).map(([test, yes, no]) => ({
      kind,
      source: `when(${test.source}).then(${yes.source})${no === null ? '.end()' : `.otherwise(${no.source})`}`,
      build: (f: Columns) => {
        const branch = when(test.build(f) as never).then(yes.build(f) as never) as unknown as Untyped;
        return no === null ? branch.end?.() : branch.otherwise?.(no.build(f));
      },
      sql: `(CASE WHEN ${test.sql} THEN ${yes.sql} ELSE ${no === null ? 'NULL' : no.sql} END)`,
    })),
    ...COMPARABLE.filter(([left]) => left === kind).map(([, right]) =>
      fc
        .tuple(of(kind), right === kind ? operand(kind) : of(right))
        .filter(([l, r]) => widen(l, r))
        .map(([value, other]) => {
          const [l, r] = aligned(value, other);
          return called(
            kind,
            value,
            'nullIf',
            [other],
            `CASE WHEN ${l} = ${r} THEN NULL ELSE ${value.sql} END`,
          );
        }),
    ),
    ...CASTS.filter(({ to }) => to === kind).map(({ from, sql, ofColumn, neverSafe }) =>
      fc.tuple(ofColumn === true ? column(from) : of(from), fc.boolean()).map(([value, wanted]) => {
        const safe = wanted && neverSafe !== true;
        const to: Tree = { kind, source: `t.${kind}()`, build: () => t[kind](), sql: '' };
        return called(kind, value, safe ? 'tryCast' : 'cast', [to], sql(value.sql, safe));
      }),
    ),
  ];

  const numbers = (kind: NumberKind): Trees[] => [
    fc
      .tuple(
        fc.constantFrom(...(Object.keys(OPERATORS) as (keyof typeof OPERATORS)[])),
        fc
          .constantFrom(...pairsOf(kind))
          .chain(([l, r]) => fc.tuple(of(l), l === r ? operand(r) : of(r)))
          .filter(([l, r]) => widen(l, r)),
      )
      .map(([method, [left, right]]) => arithmetic(method, left, right)),
    of(kind).map((value) => called(kind, value, 'negate', [], `-${value.sql}`)),
    of(kind).map((value) => called(kind, value, 'abs', [], `abs(${value.sql})`)),
  ];
  const rounded = (kind: 'f32' | 'f64'): Trees =>
    fc
      .tuple(
        fc.constantFrom('floor', 'ceil', 'round'),
        kind === 'f32' ? of('f32') : fc.oneof(of('f64'), of('i32'), of('i64')),
      )
      .map(([method, value]) => called(kind, value, method, [], `${method}(${as(value, kind)})`));

  const textual = (method: string, name: string): Trees =>
    of('utf8').map((value) => called('utf8', value, method, [], `${name}(${value.sql})`));
  const position = fc
    .integer({ min: -4, max: 4 })
    .map((value): Tree => ({ kind: 'i64', source: String(value), build: () => value, sql: String(value) }));
  // DuckDB refuses positions beyond 32 bits, so they are kept small.
  const five: Tree = { kind: 'i64', source: '5', build: () => 5, sql: 'CAST(5 AS BIGINT)' };
  const places = fc.oneof(
    position,
    of('i64').map((value) => arithmetic('modulo', value, five)),
  );

  const tests: Trees[] = [
    fc
      .tuple(
        fc.constantFrom(...COMPARISON_NAMES),
        fc
          .constantFrom(...COMPARABLE)
          .chain(([l, r]) => fc.tuple(of(l), l === r ? operand(r) : of(r)))
          .filter(([l, r]) => widen(l, r)),
      )
      .map(([method, [left, right]]) => comparison(method, left, right)),
    fc.tuple(of('bool'), operand('bool')).map(([l, r]) => called('bool', l, 'and', [r], and(l.sql, r.sql))),
    fc.tuple(of('bool'), operand('bool')).map(([l, r]) => called('bool', l, 'or', [r], or(l.sql, r.sql))),
    of('bool').map((value) => called('bool', value, 'not', [], `NOT ${value.sql}`)),
    any.map((value) => called('bool', value, 'isNull', [], `${value.sql} IS NULL`)),
    any.map((value) => called('bool', value, 'isNotNull', [], `${value.sql} IS NOT NULL`)),
    any
      .filter(({ kind }) => kind !== 'binary')
      .map((value) => {
        const none: Tree = { kind: value.kind, source: 'null', build: () => null, sql: 'NULL' };
        return called('bool', value, 'isNotDistinctFrom', [none], `${value.sql} IS NULL`);
      }),
    fc
      .constantFrom(...COMPARABLE.filter(([l, r]) => l === r))
      .chain(([kind]) => fc.tuple(of(kind), fc.array(constant(kind), { maxLength: 4 })))
      .map(([value, list]) =>
        called(
          'bool',
          value,
          'isIn',
          list,
          list.length === 0 ? 'FALSE' : `${value.sql} IN (${list.map(({ sql }) => sql).join(', ')})`,
        ),
      ),
    fc
      .constantFrom(...COMPARABLE.filter(([l, r]) => l === r))
      .chain(([kind]) => fc.tuple(of(kind), operand(kind), operand(kind)))
      .map(([value, low, high]) =>
        called(
          'bool',
          value,
          'between',
          [low, high],
          and(`(${value.sql} >= ${low.sql})`, `(${value.sql} <= ${high.sql})`),
        ),
      ),
    fc
      .tuple(
        fc.constantFrom(['startsWith', 'starts_with'], ['endsWith', 'suffix'], ['contains', 'contains']),
        of('utf8'),
        operand('utf8'),
      )
      .map(([[method = '', name], value, other]) =>
        called('bool', value, method, [other], `${name}(${value.sql}, ${other.sql})`),
      ),
    fc
      .tuple(of('utf8'), operand('utf8'))
      .map(([value, pattern]) =>
        called('bool', value, 'like', [pattern], `${value.sql} LIKE ${pattern.sql}`),
      ),
  ];

  const span: Trees = fc.constantFrom(1n, 1000n, 3_600_000_000n, 7n * DAY).map((length) => ({
    kind: 'duration',
    source: `micros(${length}n)`,
    build: () => micros(length),
    sql: constantSql('duration', length),
  }));
  const made = ([name, unit, length]: readonly [string, (count: never) => unknown, bigint]): Trees =>
    fc.oneof(of('i32'), of('i64')).map((count) => ({
      kind: 'duration',
      source: `${name}(${count.source})`,
      build: (f: Columns) => unit(count.build(f) as never),
      sql: `(CAST(${count.sql} AS BIGINT) * ${constantSql('i64', length)})`,
    }));
  const shifted = (method: 'plus' | 'minus'): Trees =>
    fc.tuple(fc.oneof(of('timestamp'), of('date')), of('duration')).map(([time, by]) => {
      const instant = time.kind === 'date' ? `(${midnight(time.sql)})` : time.sql;
      return called('timestamp', time, method, [by], `${instant} ${OPERATORS[method]} ${by.sql}`);
    });

  const extra: Record<Kind, Trees[]> = {
    bool: tests,
    i32: numbers('i32'),
    i64: [
      ...numbers('i64'),
      of('utf8').map((value) => called('i64', value, 'length', [], `length(${value.sql})`)),
      fc.oneof(of('timestamp'), of('duration')).map((value) => called('i64', value, 'micros', [], value.sql)),
      fc
        .tuple(fc.constantFrom(...Object.entries(PARTS)), fc.oneof(column('timestamp'), column('date')))
        .map(([[method, name], time]) => {
          const instant =
            time.kind === 'date' ? `(DATE '1970-01-01' + ${time.sql})` : `make_timestamp(${time.sql})`;
          return called('i64', time, method, [], `${name}(CAST(${instant} AS TIMESTAMP))`);
        }),
    ],
    f32: [...numbers('f32'), rounded('f32')],
    f64: [
      ...numbers('f64'),
      rounded('f64'),
      // DuckDB refuses the square root of a negative number.
      fc.oneof(...NUMBERS.map(of)).map((value) => {
        const x = as(value, 'f64');
        return called(
          'f64',
          value,
          'sqrt',
          [],
          `CASE WHEN ${x} < 0 THEN CAST('nan' AS DOUBLE) ELSE sqrt(${x}) END`,
        );
      }),
    ],
    utf8: [
      textual('lower', 'lower'),
      textual('upper', 'upper'),
      of('utf8').map((value) => called('utf8', value, 'trim', [], `trim(${value.sql}, ${SPACES_SQL})`)),
      fc
        .tuple(of('utf8'), operand('utf8'))
        .map(([value, other]) => called('utf8', value, 'concat', [other], `${value.sql} || ${other.sql}`)),
      fc.tuple(operand('utf8'), of('utf8')).map(([first, second]) => ({
        kind: 'utf8',
        source: `concat(${first.source}, ${second.source})`,
        build: (f: Columns) => concat(first.build(f) as never, second.build(f) as never),
        sql: `(${first.sql} || ${second.sql})`,
      })),
      fc.tuple(of('utf8'), places, fc.option(places)).map(([value, start, length]) => {
        const args = length === null ? [start] : [start, length];
        return called(
          'utf8',
          value,
          'substring',
          args,
          `substring(${[value, ...args].map(({ sql }) => sql).join(', ')})`,
        );
      }),
    ],
    binary: [],
    date: [],
    timestamp: [
      shifted('plus'),
      shifted('minus'),
      fc
        .tuple(of('timestamp'), span)
        .map(([time, unit]) =>
          called(
            'timestamp',
            time,
            'truncateTo',
            [unit],
            `${time.sql} - ((${time.sql} % ${unit.sql}) + ${unit.sql}) % ${unit.sql}`,
          ),
        ),
    ],
    duration: [
      fc
        .tuple(of('timestamp'), fc.oneof(of('timestamp'), of('date'), constant('timestamp')))
        .map(([time, other]) => {
          const [l, r] = aligned(time, other);
          return called('duration', time, 'minus', [other], `${l} - ${r}`);
        }),
      fc
        .tuple(fc.constantFrom('plus', 'minus'), of('duration'), operand('duration'))
        .map(([method, l, r]) =>
          called('duration', l, method, [r], `${l.sql} ${OPERATORS[method as 'plus']} ${r.sql}`),
        ),
      fc
        .tuple(of('duration'), fc.oneof(of('i32'), of('i64'), constant('i64')))
        .map(([span, by]) =>
          called('duration', span, 'times', [by], `${span.sql} * CAST(${by.sql} AS BIGINT)`),
        ),
      of('duration').map((value) => called('duration', value, 'negate', [], `-${value.sql}`)),
      of('duration').map((value) => called('duration', value, 'abs', [], `abs(${value.sql})`)),
      fc.oneof(
        ...(
          [
            ['micros', micros, 1n],
            ['seconds', seconds, 1_000_000n],
            ['days', days, DAY],
          ] as const
        ).map(made),
      ),
    ],
  };

  const levels = (kind: Kind): Trees =>
    fc.oneof(
      { maxDepth: 4, depthIdentifier: 'tree', withCrossShrink: true },
      { weight: 4, arbitrary: column(kind) },
      { weight: 1, arbitrary: declared(kind) },
      ...extra[kind].map((arbitrary) => ({ weight: 2, arbitrary })),
      ...chosen(kind).map((arbitrary) => ({ weight: 1, arbitrary })),
    );
  return Object.fromEntries(KINDS.map((kind) => [kind, levels(kind)])) as Record<Kind, Trees>;
});

/** An expression of any type. */
export const tree: Trees = fc.oneof(...KINDS.map((kind) => trees[kind]));
