/** DuckDB as an independent reader: in a file of its own, so that it spills instead of growing. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { DuckDBInstance } from '@duckdb/node-api';

/** An open database that removes itself. Rows have BIGINT as bigint, DOUBLE as number, VARCHAR as string. */
export interface Sql extends AsyncDisposable {
  /** Runs a statement for its effect. */
  run(statement: string): Promise<void>;
  /** All rows of a query; meant for small results. */
  rows<Row extends object = Record<string, unknown>>(query: string): Promise<Row[]>;
  /** The one row of a query. */
  row<Row extends object = Record<string, unknown>>(query: string): Promise<Row>;
}

/** DuckDB's own limit; buffers of the Parquet reader and writer come on top. */
const MEMORY_LIMIT = '512MB';
const THREADS = '2';

/** Opens an empty database in the system's temporary folder. */
export async function openDuckDB(): Promise<Sql> {
  const folder = await mkdtemp(path.join(tmpdir(), 'headrace-flights-'));
  const instance = await DuckDBInstance.create(path.join(folder, 'oracle.duckdb'), {
    memory_limit: MEMORY_LIMIT,
    threads: THREADS,
    temp_directory: path.join(folder, 'spill'),
  });
  const connection = await instance.connect();
  const rows = async <Row extends object>(query: string) =>
    (await connection.runAndReadAll(query)).getRowObjects() as object[] as Row[];
  return {
    run: async (statement) => {
      await connection.run(statement);
    },
    rows,
    row: async <Row extends object>(query: string) => {
      const [first, ...rest] = await rows<Row>(query);
      if (first === undefined || rest.length > 0) throw new Error(`Not exactly one row from: ${query}`);
      return first;
    },
    [Symbol.asyncDispose]: async () => {
      connection.closeSync();
      instance.closeSync();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** `text` as an SQL string literal. */
export function quoted(text: string): string {
  return `'${text.replaceAll("'", "''")}'`;
}

/** The committed Parquet files of an output folder, as a table function call. */
export function parquetIn(folder: string): string {
  return `read_parquet(${quoted(path.join(folder, '*.parquet'))})`;
}
