/** Dictionary columns from end to end, against the same text in plain columns. */
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import * as arrow from 'apache-arrow';
import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { openDuckDB, parquetIn } from '../../examples/flights/duckdb.ts';
import {
  type AnySchema,
  type Batch,
  count,
  micros,
  type Output,
  run,
  type Stream,
  sink,
  source,
  sum,
  t,
  tumbling,
} from '../../ts/index.ts';
import { testDriver } from '../../ts/testing/index.ts';
import { finished } from '../finished.ts';
import { forAll } from '../seeds.ts';

interface Row {
  readonly at: bigint;
  readonly place: string | null;
  readonly n: bigint;
}

const schemaOf = (text: typeof t.utf8) => ({ at: t.timestamp(), place: text().nullable(), n: t.i64() });
const plain = schemaOf(t.utf8);
const encoded = schemaOf(t.dictionary);

const places = fc.constantFrom('', 'ORD', 'SFO', 'Zoë', 'a name too long for two words');
const rows: fc.Arbitrary<Row[]> = fc.array(
  fc.record({ at: fc.bigInt(0n, 100n), place: fc.option(places, { freq: 6 }), n: fc.bigInt(0n, 9n) }),
  { minLength: 1, maxLength: 80, size: 'max' },
);

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'headrace-dictionary-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const asText = (list: readonly object[]) =>
  list.map((row) => JSON.stringify(row, (_, value) => (typeof value === 'bigint' ? `${value}n` : value)));

const numbers = (type: arrow.Int64 | arrow.TimestampMicrosecond, values: readonly bigint[]) =>
  new arrow.Vector([arrow.makeData({ type, data: BigInt64Array.from(values) } as never)]);

/** A table of batches that each have a dictionary of their own, of narrow numbers, with texts that no row has. */
function tableOf(list: readonly Row[], length: number): arrow.Table {
  const type = new arrow.Dictionary(new arrow.Utf8(), new arrow.Int8());
  const pieces = Array.from({ length: Math.ceil(list.length / length) }, (_, piece) => {
    const part = list.slice(piece * length, (piece + 1) * length);
    const places = arrow.vectorFromArray(['unused', ...part.map(({ place }) => place)], type).slice(1);
    return new arrow.Table({
      at: numbers(
        new arrow.TimestampMicrosecond(),
        part.map(({ at }) => at),
      ),
      place: places,
      n: numbers(
        new arrow.Int64(),
        part.map(({ n }) => n),
      ),
    });
  });
  const [first, ...others] = pieces as [arrow.Table, ...arrow.Table[]];
  return first.concat(...others);
}

/** Several operators over a stream, those by keys among them. */
function pipeline(stream: Stream<AnySchema, null>): (Output & { readonly rows: readonly object[] })[] {
  const timed = stream.watermark('at', { lag: micros(200) });
  const totals = (f: AnySchema) => ({ rows: count(), total: sum(f.n) });
  const window = tumbling(micros(30));
  const outputs = [
    timed.keyBy('place').window(window).aggregate(totals),
    timed.keyBy('n', 'place').window(window).aggregate(totals),
    stream.filter((f) => f.place.ne('ORD')).select((f) => ({ place: f.place, shout: f.place.upper() })),
    stream.map((row) => row as Row, { schema: encoded }),
    stream.inOrderOf('place'),
    stream.inOrderOf((f) => f.n),
  ];
  return outputs.map((output) => (output as Stream<AnySchema, null>).to(sink.collect()) as never);
}

async function results(stream: unknown, parallelism: number, batchRows: number): Promise<string[][]> {
  const outputs = pipeline(stream as Stream<AnySchema, null>);
  await finished(outputs, { parallelism, batchRows });
  // Only a sort promises an order across subtasks.
  return outputs.map((output, index) => (index < 3 ? asText(output.rows).sort() : asText(output.rows)));
}

test(
  'yields what plain text yields, wherever it comes from',
  () =>
    forAll(
      fc.record({
        list: rows,
        parallelism: fc.constantFrom(1, 2, 4),
        batchRows: fc.constantFrom(1, 7, 8192),
        piece: fc.integer({ min: 1, max: 90 }),
      }),
      async ({ list, parallelism, batchRows, piece }) => {
        const wanted = await results(source.rows(list, { schema: plain }), parallelism, batchRows);
        const table = tableOf(list, piece);
        const file = path.join(folder, 'rows');
        await finished(source.table(table, { schema: encoded }).to(sink.parquet(file)));
        const parts = await parquetFiles(file);
        const sources = {
          rows: source.rows(list, { schema: encoded }),
          table: source.table(table, { schema: encoded }),
          inferred: source.table(table),
          parquet: source.parquet(parts, { schema: encoded }),
          cast: source
            .rows(list, { schema: plain })
            .select((f) => ({ ...f, place: f.place.cast(t.dictionary()) })),
        };
        for (const [name, stream] of Object.entries(sources)) {
          expect(await results(stream, parallelism, batchRows), name).toEqual(wanted);
        }
      },
      15,
    ),
  120_000,
);

async function parquetFiles(file: string): Promise<string[]> {
  const names = (await readdir(file)).filter((name) => name.endsWith('.parquet'));
  return names.sort().map((name) => path.join(file, name));
}

test('keys survive a crash and another parallelism', () => {
  const totals = source
    .rows([], { schema: encoded })
    .watermark('at', { lag: micros(0) })
    .keyBy('place')
    .window(tumbling(micros(100)))
    .aggregate((f) => ({ total: sum(f.n) }));
  const driver = testDriver(totals);
  const list = ['b', null, 'a'].map((place, row) => ({ at: BigInt(row), place, n: 1n }));
  // Each push has a dictionary of its own, and the same keys in other places.
  driver.push(list);
  driver.crashAndRestore({ parallelism: 4 });
  driver.push([...list].reverse().map((row) => ({ ...row, at: 3n })));
  driver.crashAndRestore({ parallelism: 1 });
  driver.push(list.map((row) => ({ ...row, at: 4n })));
  driver.advanceWatermark(100n);
  const found = driver.rows().map(({ place, total }) => `${place} ${total}`);
  expect(found.sort()).toEqual(['a 3', 'b 3', 'null 3']);
});

test('a Parquet file holds text, whoever reads it', async () => {
  const list = Array.from({ length: 2000 }, (_, row) => {
    return { at: BigInt(row), place: row % 7 === 3 ? null : `place ${row % 5}`, n: 0n };
  });
  const file = path.join(folder, 'text');
  await finished(source.rows(list, { schema: encoded }).to(sink.parquet(file)));
  await using sql = await openDuckDB();
  const found = await sql.rows<{ place: string | null; kind: string }>(
    `SELECT place, typeof(place) AS kind FROM ${parquetIn(file)} ORDER BY "at"`,
  );
  expect(found.map(({ place }) => place)).toEqual(list.map(({ place }) => place));
  expect(found[0]?.kind).toBe('VARCHAR');
  for (const [options, type] of [
    [{}, 'utf8'],
    [{ schema: plain }, 'utf8'],
    [{ schema: encoded }, 'dictionary'],
  ] as const) {
    const types: (string | undefined)[] = [];
    const read: unknown[] = [];
    const take = (batch: Batch) => {
      types.push(batch.fields.find(({ name }) => name === 'place')?.data.type);
      read.push(...batch.column('place').toArray());
    };
    const stream = source.parquet(await parquetFiles(file), options) as Stream<AnySchema, null>;
    await finished(stream.to(sink.callback(take as never)));
    expect(new Set(types)).toEqual(new Set([type]));
    expect(read).toEqual(list.map(({ place }) => place));
  }
});

test('batches leave as dictionaries of arrow-js and as Arrow IPC', async () => {
  const words = ['b', null, 'a', 'b'];
  const list = words.map((place, row) => ({ at: BigInt(row), place, n: 0n }));
  const batches: Batch[] = [];
  const keep = (batch: Batch) => void batches.push(batch);
  await finished(source.rows(list, { schema: encoded }).to(sink.callback(keep as never)));
  const [batch] = batches;
  const table = new arrow.Table(batches.map((each) => each.toArrow()));
  const read = arrow.tableFromIPC(batch?.toIpc() ?? new Uint8Array());
  for (const each of [table, read]) {
    expect(String(each.getChild('place')?.type)).toBe('Dictionary<Int32, Utf8>');
    expect([...(each.getChild('place') ?? [])]).toEqual(words);
  }
  const column = batch?.column('place' as never);
  expect([column?.get(0), column?.get(1), column?.isNull(1)]).toEqual(['b', null, true]);
});

test('what does not fit is refused as text is', async () => {
  const bad = [{ at: 0n, place: 7, n: 0n }];
  const job = async () => run(source.rows(bad as never, { schema: encoded }).to(sink.collect()));
  await expect(job()).rejects.toThrow(/HR_TYPE_MISMATCH.*'place'.*should be a string, got the number 7/s);
  const lone = [0, 1, 2].map((row) => ({ at: 0n, place: row === 2 ? '\ud800' : 'a', n: 0n }));
  const broken = async () => run(source.rows(lone, { schema: encoded }).to(sink.collect()));
  await expect(broken()).rejects.toThrow(/row 2.*'place'.*well-formed Unicode/s);
  const mixed = source.rows([], { schema: encoded }).union(source.rows([], { schema: plain }) as never);
  const union = async () => run(mixed.to(sink.collect()));
  await expect(union()).rejects.toThrow(/HR_TYPE_MISMATCH.*cast to the same types/s);
});
