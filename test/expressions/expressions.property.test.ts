/** Random expressions over random rows, evaluated by the engine and by DuckDB: the same values, and the same errors. */
import { DuckDBBlobValue, type DuckDBConnection, DuckDBInstance } from '@duckdb/node-api';
import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { isHeadraceError, run, sink, source } from '../../ts/index.ts';
import { forAll } from '../seeds.ts';
import { type Row, relation, row, schema } from './columns.ts';
import { type Columns, type Tree, tree } from './trees.ts';

interface Case {
  readonly rows: readonly Row[];
  readonly trees: readonly Tree[];
  readonly batchRows: number;
}

const cases = fc.record<Case>({
  rows: fc.array(row, { minLength: 1, maxLength: 24 }),
  trees: fc.array(tree, { minLength: 1, maxLength: 60, size: 'max' }),
  batchRows: fc.constantFrom(1, 5, 8192),
});

let instance: DuckDBInstance;
let duckdb: DuckDBConnection;
beforeAll(async () => {
  instance = await DuckDBInstance.create(':memory:', { threads: '1' });
  duckdb = await instance.connect();
  // What it rewrites it may also evaluate where the query does not.
  await duckdb.run('PRAGMA disable_optimizer');
});
afterAll(() => {
  duckdb.closeSync();
  instance.closeSync();
});

/** What an expression yields: the text of its value on each row, or the code it fails with. */
type Outcome = { readonly values: readonly string[] } | { readonly code: string };

function text(value: unknown): string {
  if (value instanceof DuckDBBlobValue) return text(value.bytes);
  if (value instanceof Uint8Array) return `0x${Buffer.from(value).toString('hex')}`;
  return Object.is(value, -0) ? '-0' : String(value);
}

async function query(sql: string): Promise<Record<string, unknown>[]> {
  return (await duckdb.runAndReadAll(sql)).getRowObjects() as Record<string, unknown>[];
}

/** DuckDB's outcomes: all from one query, unless an expression fails; then each for itself. */
async function expectedOutcomes({ rows, trees }: Case): Promise<Outcome[]> {
  await duckdb.run(`CREATE OR REPLACE TEMP TABLE input AS SELECT * FROM ${relation(rows)}`);
  const together = await valuesOf(trees.map(({ sql }) => sql)).catch(() => undefined);
  if (together !== undefined) return together.map((values) => ({ values }));
  const outcomes: Outcome[] = [];
  // One query after the other: a connection is not made for several at once.
  for (const { sql } of trees) {
    const values = (await valuesOf([sql]).catch(() => undefined))?.[0];
    outcomes.push(values === undefined ? { code: await failureOf(sql, rows.length) } : { values });
  }
  return outcomes;
}

/** The values of expressions on every row, as text. (DuckDB's own TRY would do it in one query, but it crashes.) */
async function valuesOf(expressions: readonly string[]): Promise<string[][]> {
  const columns = expressions.map((sql, index) => `${sql} AS v${index}`);
  const results = await query(`SELECT ${columns.join(',\n')} FROM input ORDER BY "row"`);
  return expressions.map((_, index) => results.map((result) => text(result[`v${index}`])));
}

/** Our code for DuckDB's error on the first row that has one. */
async function failureOf(sql: string, rows: number): Promise<string> {
  for (let index = 0; index < rows; index++) {
    try {
      await query(`SELECT ${sql} AS value FROM input WHERE "row" = ${index}`);
    } catch (error) {
      const { message } = error as Error;
      if (message.includes("string 'HR_DIVISION_BY_ZERO'")) return 'HR_DIVISION_BY_ZERO';
      if (message.startsWith('Conversion Error')) return 'HR_CAST_FAILED';
      if (message.startsWith('Out of Range Error')) return 'HR_OVERFLOW';
      throw error;
    }
  }
  throw new Error(`DuckDB failed on all rows together and on none alone: ${sql}`);
}

/** The engine's outcomes of expressions that do not fail, all from one job. */
async function evaluate({ rows, batchRows }: Case, trees: readonly Tree[]): Promise<Outcome[]> {
  const out = source
    .rows(rows as never, { schema })
    .select((f) => {
      const columns = f as unknown as Columns;
      return Object.fromEntries(trees.map(({ build }, index) => [`v${index}`, build(columns)])) as never;
    })
    .to(sink.collect());
  const job = await run([out], { batchRows });
  await job.done;
  return trees.map((_, index) => ({
    values: out.rows.map((result) => text((result as Record<string, unknown>)[`v${index}`])),
  }));
}

async function evaluateOne(tried: Case, one: Tree): Promise<Outcome> {
  try {
    const [outcome] = await evaluate(tried, [one]);
    return outcome ?? { values: [] };
  } catch (error) {
    if (!isHeadraceError(error)) throw error;
    return { code: error.code };
  }
}

async function actualOutcomes(tried: Case, expected: readonly Outcome[]): Promise<Outcome[]> {
  const sound = tried.trees.filter((_, index) => 'values' in (expected[index] ?? {}));
  let together: Map<Tree, Outcome | undefined> = new Map();
  try {
    const outcomes = await evaluate(tried, sound);
    together = new Map(sound.map((each, index) => [each, outcomes[index]]));
  } catch {
    // One of them fails although it should not; each for itself shows which.
  }
  return Promise.all(tried.trees.map(async (each) => together.get(each) ?? (await evaluateOne(tried, each))));
}

const seen = { values: 0, failures: new Map<string, number>() };

async function check(tried: Case): Promise<void> {
  const expected = await expectedOutcomes(tried);
  const actual = await actualOutcomes(tried, expected);
  for (const [index, { source: text, sql }] of tried.trees.entries()) {
    const message = `${text}\n${sql}\nover ${tried.rows.length} rows: ${describeRows(tried.rows, sql)}`;
    expect(actual[index], message).toEqual(expected[index]);
  }
  for (const outcome of expected) {
    if ('values' in outcome) seen.values += 1;
    else seen.failures.set(outcome.code, (seen.failures.get(outcome.code) ?? 0) + 1);
  }
}

/** The values of the columns that an expression reads. */
function describeRows(rows: readonly Row[], sql: string): string {
  const names = Object.keys(schema).filter((name) => sql.includes(`"${name}"`));
  return rows
    .map((each) => `{ ${names.map((name) => `${name}: ${text(each[name])}`).join(', ')} }`)
    .join(', ');
}

const RUNS = 60;

test('expressions equal DuckDB’s', async () => {
  // Without the case, which is a page long: the message has its expression, and the values that it reads.
  await forAll(cases, check, RUNS, ({ errorInstance }) => (errorInstance as Error | undefined)?.message);
  // Else the property would have shown nothing about errors.
  expect(seen.values).toBeGreaterThan(RUNS * 10);
  expect([...seen.failures.keys()].sort()).toEqual(['HR_CAST_FAILED', 'HR_DIVISION_BY_ZERO', 'HR_OVERFLOW']);
}, 600_000);
