/**
 * What the type checker says of an operation, and what the compiler in Rust does: where the checker accepts an operation
 * they agree on its type and on whether it may be null, and the builder's own inference agrees with both.
 */
import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { beforeAll, expect, test } from 'vitest';
import { columnsObject } from '../../ts/api/columns.ts';
import { Expression } from '../../ts/api/expression.ts';
import { compilePlan } from '../../ts/api/native.ts';
import { fieldsOf } from '../../ts/api/types.ts';
import type { AnySchema, Stream } from '../../ts/index.ts';
import * as headrace from '../../ts/index.ts';
import { lower } from '../../ts/plan/lower.ts';
import { KINDS, type Kind, schema as plainSchema } from './columns.ts';

const { Aggregate, isHeadraceError, sink, source, t, tumbling, hours } = headrace;

const NUMBERS = ['i32', 'i64', 'f32', 'f64'] as const;
const ORDERED = KINDS.filter((kind) => kind !== 'binary');
const NULLS = ['', 'Set'] as const;
const TIMES: readonly Kind[] = ['date', 'timestamp', 'duration'];
const related = (a: Kind, b: Kind): boolean =>
  a === b || [NUMBERS as readonly Kind[], TIMES].some((family) => family.includes(a) && family.includes(b));
/** Pairs of columns: of types that may go together with and without nulls, of others once. */
const PAIRS = KINDS.flatMap((a) =>
  KINDS.flatMap((b) => {
    const required = [`f.${a}Set`, `f.${b}Set`];
    return related(a, b) ? [required, [`f.${a}`, `f.${b}Set`], [`f.${a}Set`, `f.${b}`]] : [required];
  }),
);
const paired = (names: string) =>
  names.split(' ').flatMap((name) => PAIRS.map(([left, right]) => `${left}.${name}(${right})`));
const columns = (kinds: readonly Kind[]) => kinds.flatMap((kind) => NULLS.map((set) => `f.${kind}${set}`));
const methods = (names: string, receivers: readonly string[], args: readonly string[]) =>
  names.split(' ').flatMap((name) => receivers.flatMap((on) => args.map((arg) => `${on}.${name}(${arg})`)));

/** The operations, each as TypeScript over the columns `f`. */
const OPERATIONS = [
  ...paired('plus minus times dividedBy modulo eq lt isNotDistinctFrom nullIf isIn'),
  ...methods('plus minus times dividedBy modulo eq lt nullIf', columns(NUMBERS), ['2', '2n']),
  ...methods('plus minus times', columns(['f32', 'f64']), ['0.5']),
  ...methods('plus minus times eq nullIf', columns(['duration']), ['2', '2n', 'minutes(1)']),
  ...methods('plus minus eq nullIf', columns(['timestamp', 'date']), [
    '2',
    '2n',
    'minutes(1)',
    'new Date(0)',
  ]),
  ...methods('isNotDistinctFrom', columns(KINDS), ['null']),
  ...columns(ORDERED).flatMap((on) =>
    columns(ORDERED).map((high) => `${on}.between(${on.replace('Set', '')}Set, ${high})`),
  ),
  ...methods('between', columns(['timestamp', 'date']), [
    'f.dateSet, f.timestamp',
    'f.timestampSet, f.dateSet',
  ]),
  ...methods('and or eq', columns(KINDS), ['f.bool', 'f.boolSet', 'true']),
  ...methods('not negate abs floor ceil round sqrt isNull isNotNull', columns(KINDS), ['']),
  ...methods('lower upper trim length micros year month day hour minute dayOfWeek', columns(KINDS), ['']),
  ...methods('startsWith endsWith contains like concat', columns(KINDS), [
    "'a'",
    'f.utf8',
    'f.utf8Set',
    'f.i32',
  ]),
  ...methods('substring', columns(KINDS), [
    '1',
    '1, 2',
    'f.i64',
    'f.i64Set',
    'f.i32Set',
    '1, f.i64',
    '1, f.i64Set',
  ]),
  ...methods('truncateTo', columns(KINDS), ['minutes(1)', 'f.duration', 'f.durationSet', '2n']),
  ...methods(
    'cast tryCast',
    columns(KINDS),
    KINDS.map((kind) => `t.${kind}()`),
  ),
  ...PAIRS.flatMap(([first, second]) => [
    `coalesce(${first}, ${second})`,
    `when(f.bool).then(${first}).otherwise(${second})`,
    `when(f.boolSet).then(${first}).when(true).then(${second}).otherwise(${first})`,
  ]),
  ...columns(KINDS).flatMap((first) => [
    `coalesce(${first}, null)`,
    `coalesce(${first}, null, ${first})`,
    `when(f.boolSet).then(${first}).end()`,
    `when(f.boolSet).then(${first}).otherwise(null)`,
    `concat('a', ${first})`,
    `minutes(${first})`,
  ]),
  // A bare constant adapts to an f32, one of lit() has a type of its own.
  ...methods('plus times lt nullIf', columns(['i32', 'f32', 'f64']), [
    'lit(0.5)',
    'lit(1n)',
    'lit(2, t.f32())',
  ]),
  ...['0.1', '1n'].flatMap((value) => [`lit(${value}).plus(f.f32Set)`, `coalesce(f.f32, lit(${value}))`]),
  ...["'a'", '1', '1n', 'true', 'new Date(0)'].map((value) => `lit(${value})`),
  ...KINDS.map((kind) => `lit(null, t.${kind}().nullable())`),
  ...methods('plus', ['f.f32Set', 'f.f64Set'], ['f.i32Set.times(2)', 'lit(1n).plus(f.i64)', '1.5']),
];

const AGGREGATES = [
  'count()',
  ...columns(KINDS).flatMap((arg) => [
    ...'count sum avg min max stddev first last approxDistinct'.split(' ').map((name) => `${name}(${arg})`),
    `quantile(${arg}, 0.5)`,
  ]),
].flatMap((aggregate) => [aggregate, `${aggregate}.filter(f.bool)`]);

/** What is done with texts, done with dictionaries: both sides of an operation, and each alone. */
const ENCODED = [...OPERATIONS, ...AGGREGATES]
  .filter((text) => text.includes('f.utf8'))
  .flatMap((text) => [text.replaceAll('f.utf8', 'f.dictionary'), text.replace('f.utf8', 'f.dictionary')]);

const ALL = [...new Set([...OPERATIONS, ...AGGREGATES, ...ENCODED])];

/** A type with its nullability, as `i64` or `i64?`. */
type Verdict = string | undefined;

const NAMES: Readonly<Record<string, Kind>> = {
  ...Object.fromEntries(KINDS.map((kind) => [kind[0]?.toUpperCase() + kind.slice(1), kind])),
  CalendarDay: 'date',
  TimeSpan: 'duration',
};

/** What the type checker says of each expression; undefined where it refuses. */
async function checked(expressions: readonly string[]): Promise<Verdict[]> {
  const folder = await mkdtemp(path.join(tmpdir(), 'headrace-inference-'));
  try {
    const library = path.resolve('ts/index.ts');
    const declared = Object.entries(schema).map(([name, type]) => {
      return `${name}: t.${type.data.type}()${type.isNullable ? '.nullable()' : ''}`;
    });
    const lines = [
      `import { ${Object.keys(headrace).join(', ')}, type RowOf, type Stream } from '${library}';`,
      `const schema = { ${declared.join(', ')} };`,
      'const stream = source.rows([], { schema });',
      "declare const f: (typeof stream)['~schema'];",
      ...expressions.map((expression, index) => `export const c${index} = ${expression};`),
    ];
    await writeFile(path.join(folder, 'probe.ts'), lines.join('\n'));
    const options = {
      ...{ target: 'es2023', lib: ['es2023', 'esnext.disposable'], module: 'nodenext', strict: true },
      ...{ types: ['node'], typeRoots: [path.resolve('node_modules/@types')], skipLibCheck: true },
      ...{ allowImportingTsExtensions: true, emitDeclarationOnly: true, declaration: true },
      ...{ outDir: path.join(folder, 'out'), rootDir: '/' },
    };
    await writeFile(
      path.join(folder, 'tsconfig.json'),
      JSON.stringify({ compilerOptions: options, files: ['probe.ts'] }),
    );
    const tsc = promisify(execFile)(
      path.resolve('node_modules/.bin/tsc'),
      ['-p', folder, '--pretty', 'false'],
      {
        maxBuffer: 1 << 28,
      },
    );
    const output = await tsc.catch((error: { stdout: string }) => error);
    const refused = new Set(
      [...output.stdout.matchAll(/probe\.ts\((\d+),\d+\): error/g)].map(([, line]) => Number(line) - 5),
    );
    const text = await readFile(path.join(folder, 'out', folder, 'probe.d.ts'), 'utf8');
    const types = new Map(
      [...text.matchAll(/declare const c(\d+): (.*);/g)].map(([, at, type]) => [Number(at), type]),
    );
    return expressions.map((_, index) => (refused.has(index) ? undefined : verdict(types.get(index) ?? '')));
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

function verdict(type: string): Verdict {
  const [, name = '', parameter] =
    /^(?:Aggregate<)?(\w+)(?:<(\w+)>)?/.exec(type.replaceAll(/import\(.*?\)\./g, '')) ?? [];
  const kind = NAMES[name];
  if (kind === undefined) throw new Error(`The checker says ${type}`);
  return parameter === 'null' ? `${kind}?` : kind;
}

/** The columns again, and texts that come in dictionaries: to the checker they are text. */
const schema = { ...plainSchema, dictionary: t.dictionary().nullable(), dictionarySet: t.dictionary() };

const f = columnsObject<Record<string, unknown>>(fieldsOf(schema));

function evaluated(text: string): unknown {
  const functions: Record<string, unknown> = { ...headrace };
  const names = Object.keys(functions);
  const build = new Function('f', ...names, `return ${text}`) as (...args: unknown[]) => unknown;
  return build(f, ...names.map((name) => functions[name]));
}

/** What the compiler says, and what the builder had inferred of the type; undefined where either refuses. */
function compiled(text: string): { rust: Verdict; builder: string | undefined } {
  try {
    const value = evaluated(text);
    const stream = source.rows([], { schema }) as unknown as Stream<AnySchema, 'timestampSet'>;
    const output =
      value instanceof Aggregate
        ? stream
            .watermark('timestampSet', { lag: hours(1) })
            .window(tumbling(hours(1)))
            .aggregate(() => ({ value }) as never)
        : stream.select(() => ({ value }) as never);
    const { plan } = lower(output.to(sink.collect() as never) as never);
    const { nodes } = compilePlan(plan, {});
    const field = nodes.at(-2)?.schema.find(({ name }) => name === 'value');
    const builder = value instanceof Expression || value instanceof Aggregate ? value.data?.type : undefined;
    return { rust: `${field?.data.type}${field?.nullable === true ? '?' : ''}`, builder };
  } catch (error) {
    if (!isHeadraceError(error) && !(error instanceof TypeError)) throw error;
    return { rust: undefined, builder: undefined };
  }
}

let typescript: Verdict[];
beforeAll(async () => {
  typescript = await checked(ALL);
});

test('what the checker accepts the compiler infers the same way', () => {
  const differences = ALL.flatMap((text, index) => {
    const { rust, builder } = compiled(text);
    const types = typescript[index];
    if (types === undefined) return [];
    // A tryCast that cannot fail is not null; the checker is not told which those are.
    const same = types === rust || (text.includes('tryCast') && types === `${rust}?`);
    const inferred = builder === undefined || builder === rust?.replace('?', '');
    return same && inferred ? [] : [`${text}: checker ${types}, compiler ${rust}, builder ${builder}`];
  });
  expect(differences).toEqual([]);
  // Else nothing would have been compared.
  expect(typescript.filter((verdict) => verdict !== undefined).length).toBeGreaterThan(ALL.length / 4);
});

test('most of what the checker refuses the compiler refuses too', () => {
  const refused = ALL.filter((_, index) => typescript[index] === undefined);
  const only = refused.filter((text) => compiled(text).rust !== undefined);
  expect(only.length, only.join('\n')).toBeLessThan(refused.length / 4);
});
