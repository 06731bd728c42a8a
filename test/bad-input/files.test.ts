/** Files that are missing, empty, cut short, of other types, or changed behind the job's back. */
import { mkdir, readdir, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { openDuckDB, parquetIn } from '../../examples/flights/duckdb.ts';
import {
  count,
  type RunEvent,
  type RunOptions,
  run,
  type SchemaOf,
  type Stream,
  sink,
  source,
  sum,
  t,
  tumbling,
} from '../../ts/index.ts';
import { finished } from '../finished.ts';
import {
  failure,
  failureOf,
  parquetFiles,
  rowsIn,
  rowsOfFiles,
  scene,
  until,
  writeParquet,
} from './support.ts';

const here = scene();
const MINUTE_OF_ROWS =
  "SELECT TIMESTAMP '2001-01-01' + to_seconds(i) AS at, i % 3 AS key, i AS value FROM range(60) r(i)";

describe('a file that is not there', () => {
  it('is HR_NOT_FOUND when its columns are asked for, at the line of the source', async () => {
    const error = await failure(() => source.parquet(here.path('nowhere.parquet')));
    expect(error.code).toBe('HR_NOT_FOUND');
    expect(error.message).toContain('nowhere.parquet');
    expect(error.place?.operator).toContain('nowhere.parquet');
    expect(error.place?.at).toMatch(/files\.test\.ts:\d+/);
  });

  it('is HR_NOT_FOUND at the start of the job when the columns are declared', async () => {
    const stream = source.parquet(here.path('nowhere.parquet'), { schema: { value: t.i64() } });
    const error = await failureOf(stream.to(sink.collect()));
    expect(error.code).toBe('HR_NOT_FOUND');
    expect(error.message).toContain('nowhere.parquet');
    expect(error.place?.uid).toBeTypeOf('string');
    expect(error.place?.at).toMatch(/files\.test\.ts:\d+/);
  });

  it('is HR_NOT_FOUND also as the second of two', async () => {
    const first = await writeParquet(here.path('first.parquet'), MINUTE_OF_ROWS);
    const stream = source.parquet([first, here.path('second.parquet')]);
    const error = await failureOf(stream.to(sink.collect()));
    expect([error.code, error.message]).toEqual(['HR_NOT_FOUND', expect.stringContaining('second.parquet')]);
  });

  it('is HR_IO when it is a folder', async () => {
    await mkdir(here.path('folder.parquet'));
    const error = await failure(() => source.parquet(here.path('folder.parquet')));
    expect(error.code).toBe('HR_IO');
    expect(error.message).toContain('folder.parquet');
  });

  it('is HR_OPTION_INVALID when no path is given', async () => {
    for (const paths of ['', [], ['a', '']]) {
      expect((await failure(() => source.parquet(paths))).code).toBe('HR_OPTION_INVALID');
    }
  });
});

describe('columns that a file does not have', () => {
  it('are HR_UNKNOWN_COLUMN when they are declared, naming file, operator and line', async () => {
    const file = await writeParquet(here.path('in.parquet'), MINUTE_OF_ROWS);
    const stream = source.parquet(file, { schema: { valeu: t.i64() } });
    const error = await failureOf(stream.to(sink.collect()));
    expect(error.code).toBe('HR_UNKNOWN_COLUMN');
    expect(error.message).toMatch(/'valeu'.*in\.parquet/);
    expect(error.hint).toContain("'value'");
    expect(error.place?.operator).toContain('parquet');
    expect(error.place?.at).toMatch(/files\.test\.ts:\d+/);
  });

  it('are HR_UNKNOWN_COLUMN when a callback asks for them, naming the operator and the nearest column', async () => {
    const file = await writeParquet(here.path('in.parquet'), MINUTE_OF_ROWS);
    const stream = source.parquet(file);
    const error = await failure(() => stream.filter((f) => (f as never as Misspelt).vlaue.gt(1)));
    expect(error.code).toBe('HR_UNKNOWN_COLUMN');
    expect(error.hint).toContain("'value'");
    expect(error.place?.operator).toBe('filter');
    expect(error.place?.at).toMatch(/files\.test\.ts:\d+/);
    interface Misspelt {
      readonly vlaue: { gt(other: number): never };
    }
  });

  it('are HR_UNKNOWN_COLUMN as keys and as event time', async () => {
    const stream = source.parquet(await writeParquet(here.path('in.parquet'), MINUTE_OF_ROWS));
    for (const attempt of [() => stream.keyBy('kye'), () => stream.watermark('ta' as never, { lag: '0s' })]) {
      const error = await failure(attempt);
      expect(error.code).toBe('HR_UNKNOWN_COLUMN');
      expect(error.place?.at).toMatch(/files\.test\.ts:\d+/);
    }
  });
});

describe('columns of another type', () => {
  it('are HR_TYPE_MISMATCH, naming column, file, operator and line', async () => {
    const file = await writeParquet(here.path('in.parquet'), MINUTE_OF_ROWS);
    const stream = source.parquet(file, { schema: { value: t.utf8() } });
    const error = await failureOf(stream.to(sink.collect()));
    expect(error.code).toBe('HR_TYPE_MISMATCH');
    expect(error.message).toMatch(/'value'.*in\.parquet/);
    expect(error.place?.operator).toContain('parquet');
    expect(error.place?.at).toMatch(/files\.test\.ts:\d+/);
  });

  it('are HR_TYPE_MISMATCH where a narrower one is declared', async () => {
    const file = await writeParquet(here.path('in.parquet'), MINUTE_OF_ROWS);
    const stream = source.parquet(file, { schema: { value: t.i32() } });
    expect((await failureOf(stream.to(sink.collect()))).code).toBe('HR_TYPE_MISMATCH');
  });

  it('are HR_TYPE_MISMATCH for a null where none is declared, naming the row', async () => {
    const file = await writeParquet(
      here.path('in.parquet'),
      'SELECT CASE WHEN i = 17 THEN NULL ELSE i END AS value FROM range(60) r(i)',
    );
    const stream = source.parquet(file, { schema: { value: t.i64() } });
    const error = await failureOf(stream.to(sink.collect()), { batchRows: 7 });
    expect(error.code).toBe('HR_TYPE_MISMATCH');
    expect(error.message).toContain('row 17');
    expect(error.place?.uid).toBeTypeOf('string');
    expect(error.place?.at).toMatch(/files\.test\.ts:\d+/);
  });

  it('are HR_TYPE_MISMATCH in the second of two files', async () => {
    const first = await writeParquet(here.path('first.parquet'), MINUTE_OF_ROWS);
    const second = await writeParquet(
      here.path('second.parquet'),
      MINUTE_OF_ROWS.replace('i AS value', "'x' AS value"),
    );
    const error = await failureOf(source.parquet([first, second]).to(sink.collect()));
    expect([error.code, error.message]).toEqual([
      'HR_TYPE_MISMATCH',
      expect.stringContaining('second.parquet'),
    ]);
  });
});

describe('a file that is not intact', () => {
  it('is HR_DATA_CORRUPT when its end is missing', async () => {
    const file = await writeParquet(here.path('in.parquet'), MINUTE_OF_ROWS);
    const { length } = await readFile(file);
    await truncate(file, length - 20);
    const error = await failure(() => source.parquet(file));
    expect(error.code).toBe('HR_DATA_CORRUPT');
    expect(error.message).toContain('in.parquet');
    expect(error.place?.at).toMatch(/files\.test\.ts:\d+/);
    const declared = source.parquet(file, { schema: { value: t.i64() } });
    const later = await failureOf(declared.to(sink.collect()));
    expect(later.code).toBe('HR_DATA_CORRUPT');
    expect(later.place?.at).toMatch(/files\.test\.ts:\d+/);
  });

  it('is HR_DATA_CORRUPT when it has no bytes, or is something else', async () => {
    for (const content of ['', 'PAR1', 'date,delay\n2001-01-01,3\n']) {
      await writeFile(here.path('other.parquet'), content);
      const error = await failure(() => source.parquet(here.path('other.parquet')));
      expect(error.code, content).toBe('HR_DATA_CORRUPT');
      expect(error.message).toContain('other.parquet');
    }
  });

  it('is HR_DATA_CORRUPT, naming the operator, when only its pages are damaged', async () => {
    // The footer is whole, so the damage is found while the job runs.
    const wide = 'SELECT i AS value, CAST(hash(i) >> 1 AS BIGINT) AS noise FROM range(20000) r(i)';
    const file = await writeParquet(here.path('in.parquet'), wide, ', COMPRESSION zstd');
    const bytes = await readFile(file);
    await writeFile(file, bytes.fill(0xff, 4, bytes.length / 2));
    const error = await failureOf(source.parquet(file).to(sink.collect()));
    expect(error.code).toBe('HR_DATA_CORRUPT');
    expect(error.message).toContain('in.parquet');
    expect(error.place?.operator).toContain('parquet');
    expect(error.place?.at).toMatch(/files\.test\.ts:\d+/);
  });
});

describe('a file without rows', () => {
  const windows = (file: string) => {
    return source
      .parquet(file, {
        schema: { at: t.timestamp().nullable(), key: t.i64().nullable(), value: t.i64().nullable() },
      })
      .watermark('at', { lag: '0s' })
      .keyBy('key')
      .window(tumbling('1m'))
      .aggregate((f) => ({ n: count(), total: sum(f.value) }));
  };

  it.each([1, 2])('gives an empty result that has the columns, at parallelism %i', async (parallelism) => {
    const file = await writeParquet(here.path('in.parquet'), `${MINUTE_OF_ROWS} LIMIT 0`);
    const stream = windows(file);
    const collected = stream.to(sink.collect());
    const out = here.path('out');
    const { metrics } = await finished([collected, stream.to(sink.parquet(out))], { parallelism });
    expect(collected.rows).toEqual([]);
    expect([metrics.rowsIn, metrics.rowsOut, metrics.windowsFired]).toEqual([0, 0, 0]);
    expect(await parquetFiles(out)).toHaveLength(1);
    await using sql = await openDuckDB();
    const columns = await sql.rows<{ name: string; type: string }>(
      `SELECT column_name AS name, column_type AS type FROM (DESCRIBE FROM ${parquetIn(out)})`,
    );
    expect(columns.map(({ name, type }) => `${name} ${type}`)).toEqual([
      'key BIGINT',
      'window_start TIMESTAMP',
      'window_end TIMESTAMP',
      'n BIGINT',
      'total BIGINT',
    ]);
    expect(await rowsIn(out)).toEqual([]);
  });

  it('leaves no empty file in a result that has rows, whichever subtask or run had them', async () => {
    // One key, so that all but one of the subtasks have nothing; which one has is up to the hash.
    const schema = { at: t.timestamp(), key: t.utf8() };
    for (const key of ['a', 'b', 'c', 'd', 'e', 'f']) {
      const rows = source.rows([{ at: 0n, key }], { schema }).watermark('at', { lag: '0s' });
      const counted = rows
        .keyBy('key')
        .window(tumbling('1m'))
        .aggregate(() => ({ n: count() }));
      await finished(counted.to(sink.parquet(here.path('out'))), { parallelism: 4 });
      expect(await rowsOfFiles(here.path('out'))).toEqual([1]);
      // The empty file of the first subtask is gone, and not only out of sight.
      expect(await readdir(here.path('out'))).toHaveLength(1);
    }
  });

  it('does not disturb the files beside it', async () => {
    const empty = await writeParquet(here.path('a.parquet'), `${MINUTE_OF_ROWS} LIMIT 0`);
    const full = await writeParquet(here.path('b.parquet'), MINUTE_OF_ROWS);
    const out = source.parquet([empty, full, empty]).to(sink.collect());
    await finished(out);
    expect(out.rows).toHaveLength(60);
  });
});

describe('a source that changed between a stop and the resumption', () => {
  const ROWS = 3000;
  const schema = { at: t.timestamp().nullable(), value: t.i64().nullable() };
  const query = (value: string) =>
    `SELECT TIMESTAMP '2001-01-01' + to_seconds(i) AS at, ${value} AS value FROM range(${ROWS}) r(i)`;
  const inMemory = (from: bigint) =>
    Array.from({ length: ROWS }, (_, i) => ({ at: BigInt(i) * 1_000_000n, value: BigInt(i) + from }));
  const options = (): RunOptions => ({
    batchRows: 50,
    checkpoint: { every: '20ms', to: here.path('state') },
  });

  /** A kind of source over the same rows: how it is written, changed, and read. */
  interface Kind {
    readonly write: (change: 0 | 1) => Promise<unknown>;
    readonly read: (rate: number) => Stream<SchemaOf<typeof schema>, null>;
  }
  const file = (): Kind => ({
    write: (change) => writeParquet(here.path('in.parquet'), query(`i + ${change}`)),
    read: (rate) => source.parquet(here.path('in.parquet'), { schema, rate }),
  });
  const memory = (): Kind => {
    let rows = inMemory(0n);
    return {
      write: async (change) => {
        rows = inMemory(BigInt(change));
      },
      read: (rate) => source.rows(rows, { schema, rate }),
    };
  };
  const kinds: readonly (readonly [what: string, kind: () => Kind, operator: RegExp])[] = [
    ['a file', file, /^parquet/],
    [
      'a sorted file',
      () => ({ ...file(), read: (rate) => file().read(rate).inOrderOf('at') }),
      /parquet|inOrderOf/,
    ],
    ['rows in memory', memory, /^rows$/],
  ];

  const pipeline = ({ read }: Kind, rate = Number.POSITIVE_INFINITY) =>
    read(rate)
      .watermark('at', { lag: '0s' })
      .window(tumbling('1m'))
      .aggregate((f) => ({ total: sum(f.value) }))
      .to(sink.parquet(here.path('out')));

  async function stopAmidst(kind: Kind, end: 'stop' | 'cancel'): Promise<void> {
    let checkpoints = 0;
    const onEvent = ({ event }: RunEvent) => {
      if (event === 'checkpoint') checkpoints += 1;
    };
    const job = await run(pipeline(kind, 2000), { ...options(), onEvent });
    await until(() => checkpoints >= 3);
    await job[end]();
  }

  describe.each(kinds)('(%s)', (_, make, operator) => {
    it.each(['stop', 'cancel'] as const)(
      'is HR_SOURCE_CHANGED after %s(), and the old data goes on',
      async (end) => {
        const kind = make();
        await kind.write(0);
        await stopAmidst(kind, end);
        await kind.write(1);
        const error = await failureOf(pipeline(kind), options());
        expect(error.code).toBe('HR_SOURCE_CHANGED');
        expect(error.place?.operator).toMatch(operator);
        expect(error.place?.uid).toBeTypeOf('string');
        expect(error.place?.at).toMatch(/files\.test\.ts:\d+/);
        expect(error.hint).toContain('fresh');
        await kind.write(0);
        const job = await run(pipeline(kind), options());
        expect(job.restored.from).toBe('checkpoint');
        await job.done;
        const totals = (await rowsIn(here.path('out'))).map(({ total }) => Number(total));
        expect(totals.sort((a, b) => a - b)).toEqual(
          Array.from({ length: ROWS / 60 }, (_, minute) => minute * 3600 + 1770),
        );
      },
    );
  });

  it('is HR_SOURCE_CHANGED when it is shorter, and HR_NOT_FOUND when it is gone', async () => {
    const kind = file();
    await kind.write(0);
    await stopAmidst(kind, 'stop');
    await writeParquet(here.path('in.parquet'), `${query('i')} LIMIT 10`);
    expect((await failureOf(pipeline(kind), options())).code).toBe('HR_SOURCE_CHANGED');
    await rm(here.path('in.parquet'));
    expect((await failureOf(pipeline(kind), options())).code).toBe('HR_NOT_FOUND');
  });
});
