/** Sources, stateless operators and sinks, each from end to end. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { tableFromArrays } from 'apache-arrow';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { openDuckDB, parquetIn } from '../../examples/flights/duckdb.ts';
import {
  at,
  concat,
  count,
  generate,
  hours,
  isHeadraceError,
  lit,
  minutes,
  run,
  seconds,
  sink,
  source,
  t,
  tumbling,
} from '../../ts/index.ts';
import { finished } from '../finished.ts';

const schema = { id: t.i64(), name: t.utf8().nullable(), time: t.timestamp() };
const people = [
  { id: 1n, name: 'Zoë', time: at('08:00') },
  { id: 2n, name: null, time: at('09:00') },
  { id: 3n, name: '', time: at('07:00') },
  { id: 4n, name: 'anna', time: at('10:00') },
  { id: 5n, name: 'Zoë', time: at('06:00') },
];
const rows = () => source.rows(people, { schema });

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'headrace-operators-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

describe('columns and rows', () => {
  test('filter keeps what is true, not what is null', async () => {
    const out = rows()
      .filter((f) => f.name.ne(''))
      .to(sink.collect());
    const none = rows()
      .filter(() => false)
      .to(sink.collect());
    await finished([out, none]);
    expect(out.rows.map(({ id }) => id)).toEqual([1n, 4n, 5n]);
    expect(none.rows).toEqual([]);
  });

  test('select, withColumns, drop and rename', async () => {
    const chosen = rows()
      .select((f) => ({ twice: f.id.times(2), label: concat('<', f.name, '>'), one: lit(1n) }))
      .to(sink.collect());
    const more = rows()
      .withColumns((f) => ({ id: f.id.negate(), later: f.time.plus(minutes(f.id)) }))
      .drop('name')
      .rename({ id: 'minus', time: 'start' })
      .to(sink.collect());
    await finished([chosen, more]);
    expect(chosen.rows.slice(0, 2)).toEqual([
      { twice: 2n, label: '<Zoë>', one: 1n },
      { twice: 4n, label: null, one: 1n },
    ]);
    expect(more.rows[3]).toEqual({ minus: -4n, start: at('10:00'), later: at('10:04') });
  });

  test('names may be swapped, and columns reordered', async () => {
    const out = rows().rename({ id: 'time', time: 'id' }).to(sink.collect());
    await finished(out);
    expect(out.rows[0]).toEqual({ time: 1n, name: 'Zoë', id: at('08:00') });
  });

  test('union joins columns by name', async () => {
    const other = source.rows([{ time: at('11:00'), id: 6n, name: 'last' }], {
      schema: { time: t.timestamp(), id: t.i64(), name: t.utf8().nullable() },
    });
    const out = rows().union(other).to(sink.collect());
    const { metrics } = await finished(out);
    const { rowsIn, rowsOut } = metrics;
    expect([rowsIn, rowsOut]).toEqual([6, 6]);
    const byId = [...out.rows].sort((a, b) => Number(a.id - b.id));
    expect(byId).toEqual([...people, { id: 6n, name: 'last', time: at('11:00') }]);
  });

  test('a stream may be joined to itself', async () => {
    const out = rows().union(rows()).to(sink.collect());
    const stream = rows();
    const twice = stream.union(stream).to(sink.collect());
    await finished([out, twice]);
    expect(out.rows).toHaveLength(10);
    expect(twice.rows).toHaveLength(10);
  });
});

describe('inOrderOf', () => {
  test('orders texts by their bytes, nulls last, ties in source order', async () => {
    const out = rows().inOrderOf('name').to(sink.collect());
    await finished(out, { batchRows: 2 });
    expect(out.rows.map(({ id }) => id)).toEqual([3n, 1n, 5n, 4n, 2n]);
  });

  test('orders by an expression, over many batches', async () => {
    const many = Array.from({ length: 5000 }, (_, index) => ({ n: BigInt((index * 7919) % 5000) }));
    const out = source
      .rows(many, { schema: { n: t.i64() } })
      .inOrderOf((f) => f.n.modulo(10))
      .to(sink.collect());
    await finished(out, { batchRows: 64 });
    const expected = many
      .map(({ n }, place) => ({ n, place }))
      .sort((a, b) => Number((a.n % 10n) - (b.n % 10n)) || a.place - b.place);
    expect(out.rows.map(({ n }) => n)).toEqual(expected.map(({ n }) => n));
  });

  test.each([
    ['f64', [Number.NaN, 1, null, -Infinity, Infinity, -1], [-Infinity, -1, 1, Infinity, Number.NaN, null]],
    ['bool', [true, null, false], [false, true, null]],
    ['date', [5, null, -5], [-5, 5, null]],
  ] as const)('orders %s', async (kind, given, expected) => {
    const list = given.map((x) => ({ x }));
    const out = source
      .rows(list as never, { schema: { x: t[kind]().nullable() as ReturnType<typeof t.f64> } })
      .inOrderOf('x')
      .to(sink.collect());
    await finished(out);
    expect(out.rows.map(({ x }) => x)).toEqual(expected);
  });
});

describe('functions in JavaScript', () => {
  const doubled = { schema: { id: t.i64(), text: t.utf8() } };

  test.each(['at once', 'as promises'])('map and flatMap by row, %s', async (way) => {
    const answer = <V>(value: V): V | Promise<V> => (way === 'at once' ? value : Promise.resolve(value));
    const mapped = rows()
      .map(({ id, name }) => answer({ id: id * 2n, text: name ?? 'nobody' }), doubled)
      .to(sink.collect());
    const flat = rows()
      .flatMap(({ id, name }) => answer([...(name ?? '')].map((text) => ({ id, text }))), doubled)
      .to(sink.collect());
    await finished([mapped, flat], { batchRows: 2 });
    expect(mapped.rows.map(({ text }) => text)).toEqual(['Zoë', 'nobody', '', 'anna', 'Zoë']);
    expect(mapped.rows[4]?.id).toBe(10n);
    expect(flat.rows.map(({ id, text }) => `${id}${text}`).join()).toBe('1Z,1o,1ë,4a,4n,4n,4a,5Z,5o,5ë');
  });

  test.each(['at once', 'as promises'])('mapBatches and flatMapBatches, %s', async (way) => {
    const answer = <V>(value: V): V | Promise<V> => (way === 'at once' ? value : Promise.resolve(value));
    const mapped = rows()
      .mapBatches((batch) => {
        const ids = batch.column('id').toArray();
        return answer({ id: ids.map((id) => id + 1n), text: ids.map((id) => `#${id}`) });
      }, doubled)
      .to(sink.collect());
    const flat = rows()
      .flatMapBatches((batch) => {
        const kept = batch.rows().flatMap(({ id }, index) => (id % 2n === 1n ? [index, index] : []));
        return answer({
          rows: kept.map((index, place) => ({ id: BigInt(index), text: `${place}` })),
          parents: kept,
        });
      }, doubled)
      .to(sink.collect());
    await finished([mapped, flat]);
    expect(mapped.rows[1]).toEqual({ id: 3n, text: '#2' });
    expect(flat.rows.map(({ id }) => id)).toEqual([0n, 0n, 2n, 2n, 4n, 4n]);
  });

  test('answers out of turn keep the order of the rows', async () => {
    const many = Array.from({ length: 40 }, (_, id) => ({ id: BigInt(id), name: null, time: 0n }));
    const out = source
      .rows(many, { schema })
      .mapBatches(
        async (batch) => {
          const rows = batch.rows();
          await new Promise((resolve) => setTimeout(resolve, Number((rows[0]?.id ?? 0n) % 3n) * 4));
          return rows.map(({ id }) => ({ id }));
        },
        { schema: { id: t.i64() }, inFlight: 8 },
      )
      .to(sink.collect());
    await finished(out, { batchRows: 1 });
    expect(out.rows.map(({ id }) => id)).toEqual(many.map(({ id }) => id));
  });

  test('what a function makes has the event time and the lateness of its row', async () => {
    const times = ['08:00', '12:00', '08:30', '13:00'];
    const list = times.map((time) => ({ time: at(time) }));
    const windows = source
      .rows(list, { schema: { time: t.timestamp() } })
      .watermark('time', { lag: hours(1) })
      // The column called `time` is another one here: it is the row's own time that counts.
      .flatMap(
        ({ time }) => [
          { twin: 1n, was: time },
          { twin: 2n, was: time },
        ],
        {
          schema: { twin: t.i64(), was: t.timestamp() },
        },
      )
      .keyBy('twin')
      .window(tumbling(hours(1)), { late: 'late' })
      .aggregate(() => ({ rows: count() }));
    const out = windows.to(sink.collect());
    const late = windows.sideOutput('late').to(sink.collect());
    const { metrics } = await finished([out, late], { batchRows: 1, parallelism: 2 });
    const seen = out.rows.map(({ twin, window_start, rows }) => `${twin} ${window_start} ${rows}`).sort();
    const start = (time: string) => at(time);
    expect(seen).toEqual(
      [1, 2].flatMap((twin) => ['08:00', '12:00', '13:00'].map((time) => `${twin} ${start(time)} 1`)).sort(),
    );
    expect(metrics.rowsLate).toBe(2);
    expect([...late.rows].sort((a, b) => Number(a.twin - b.twin))).toEqual([
      { twin: 1n, was: at('08:30'), lateness: at('02:30') },
      { twin: 2n, was: at('08:30'), lateness: at('02:30') },
    ]);
  });
});

describe('sources', () => {
  const columns = {
    n: generate.sequence(),
    i: generate.integer({ min: -5, max: 5 }),
    x: generate.float({ min: 0, max: 1 }),
    word: generate.choice(['a', 'b', 'c'], { exponent: 1 }),
    time: generate.timestamp({ start: 0n, step: seconds(1), jitter: minutes(1) }),
  };
  const generated = async (partitions: number, parallelism: number, batchRows: number, seed = 7) => {
    const stream = source.generator({ columns, rows: 3000, partitions, seed });
    const out = stream.to(sink.collect());
    await finished(out, { parallelism, batchRows });
    return [...out.rows].sort((a, b) => Number(a.n - b.n));
  };

  test('the generator makes the same rows however it runs, and others with another seed', async () => {
    const first = await generated(1, 1, 8192);
    expect(first.map(({ n }) => n)).toEqual(Array.from({ length: 3000 }, (_, index) => BigInt(index)));
    expect(first.every(({ i, x }) => i >= -5n && i <= 5n && x >= 0 && x < 1)).toBe(true);
    expect(new Set(first.map(({ i }) => i)).size).toBe(11);
    const jitters = first.map(({ n, time }) => n * 1_000_000n - time);
    expect(jitters.every((jitter) => jitter >= 0n && jitter <= 60_000_000n)).toBe(true);
    const words = first.filter(({ word }) => word === 'a').length;
    expect(words).toBeGreaterThan(first.filter(({ word }) => word === 'c').length);
    for (const [partitions, parallelism, batchRows] of [
      [1, 4, 7],
      [2, 1, 100],
      [3, 2, 8192],
      [3, 4, 1],
    ] as const) {
      expect(await generated(partitions, parallelism, batchRows)).toEqual(first);
    }
    expect(await generated(1, 1, 8192, 8)).not.toEqual(first);
  });

  test('a table of apache-arrow', async () => {
    const table = tableFromArrays({
      n: Int32Array.of(1, 2, 3),
      big: BigInt64Array.of(1n, 2n, 3n),
      x: Float64Array.of(0.5, Number.NaN, -0),
    });
    const out = source.table(table).to(sink.collect());
    await finished(out);
    expect(out.rows).toEqual([
      { n: 1, big: 1n, x: 0.5 },
      { n: 2, big: 2n, x: Number.NaN },
      { n: 3, big: 3n, x: -0 },
    ]);
  });

  test('an iterable, by row, by array and by Arrow batch, asynchronous or not', async () => {
    async function* asynchronous() {
      yield { n: 1n };
      yield [{ n: 2n }, { n: 3n }];
      yield tableFromArrays({ n: BigInt64Array.of(4n, 5n) });
    }
    const slow = source.iterable(asynchronous(), { schema: { n: t.i64() } }).to(sink.collect());
    const quick = source
      .iterable(new Set([{ n: 8n }, { n: 9n }]), { schema: { n: t.i64() } })
      .to(sink.collect());
    await finished([slow, quick]);
    expect(slow.rows.map(({ n }) => n)).toEqual([1n, 2n, 3n, 4n, 5n]);
    expect(quick.rows.map(({ n }) => n)).toEqual([8n, 9n]);
  });

  test('Parquet files, in their order', async () => {
    const written = path.join(folder, 'written');
    await finished(rows().to(sink.parquet(written)));
    await using sql = await openDuckDB();
    const [{ file } = { file: '' }] = await sql.rows<{ file: string }>(
      `SELECT DISTINCT filename AS file FROM read_parquet('${written}/*.parquet', filename = true)`,
    );
    const typed = source.parquet([file, file], { schema }).to(sink.collect());
    const loose = source.parquet(file).to(sink.collect());
    await finished([typed, loose], { batchRows: 2 });
    expect(typed.rows).toEqual([...people, ...people]);
    expect(loose.rows).toEqual(people);
  });

  test('a rate slows a source down', async () => {
    const out = source.rows(people, { schema, rate: 50 }).to(sink.blackhole());
    const job = await run([out], { batchRows: 1 });
    const { durationMs } = await job.done;
    expect(durationMs).toBeGreaterThan(60);
  });
});

describe('sinks', () => {
  test('several in one job, each with all rows', async () => {
    const batches: unknown[] = [];
    const stream = rows();
    const collected = stream.to(sink.collect());
    const outputs = [
      collected,
      stream.to(
        sink.callback(async (batch) => {
          await Promise.resolve();
          batches.push(...batch.rows());
        }),
      ),
      stream.to(sink.blackhole()),
      stream.to(sink.parquet(path.join(folder, 'several'))),
    ];
    const { metrics } = await finished(outputs, { batchRows: 2 });
    const { rowsIn, rowsOut } = metrics;
    expect([rowsIn, rowsOut]).toEqual([5, 20]);
    expect(collected.rows).toEqual(people);
    expect(batches).toEqual(people);
    await using sql = await openDuckDB();
    const stored = await sql.rows(
      `SELECT id, name, epoch_us(time) AS time FROM ${parquetIn(path.join(folder, 'several'))} ORDER BY id`,
    );
    expect(stored).toEqual(people);
  });

  test('batches to go through, to the end and not', async () => {
    const all = rows().to(sink.batches());
    const job = await run([all], { batchRows: 2 });
    const seen: bigint[] = [];
    for await (const batch of all) seen.push(...batch.column('id').toArray());
    await job.done;
    expect(seen).toEqual([1n, 2n, 3n, 4n, 5n]);

    const endless = source
      .generator({ columns: { n: generate.sequence() }, rows: Number.MAX_SAFE_INTEGER })
      .to(sink.batches());
    const left = await run([endless]);
    for await (const batch of endless) {
      expect(batch.numRows).toBeGreaterThan(0);
      break;
    }
    await left.done.catch((error: unknown) => {
      if (!isHeadraceError(error)) throw error;
    });
  });

  test('the console', async () => {
    const lines: string[] = [];
    const log = vi.spyOn(console, 'log').mockImplementation((text: string) => void lines.push(text));
    const written = vi.spyOn(process.stdout, 'write').mockImplementation((text) => {
      lines.push(String(text));
      return true;
    });
    try {
      await finished(rows().to(sink.console({ limit: 3 })));
    } finally {
      log.mockRestore();
      written.mockRestore();
    }
    const text = lines.join('\n');
    expect(text).toContain('Zoë');
    expect(text).not.toContain('anna');
  });

  test('collect has its limit', async () => {
    await expect(finished(rows().to(sink.collect({ limit: 4 })))).rejects.toMatchObject({
      code: 'HR_OPTION_INVALID',
    });
  });

  test('a changelog in Parquet', async () => {
    const times = ['08:00', '10:00', '08:30'].map((time) => ({ time: at(time) }));
    const out = path.join(folder, 'changelog');
    const windows = source
      .rows(times, { schema: { time: t.timestamp() } })
      .watermark('time', { lag: '0s' })
      .window(tumbling(hours(1)), { lateness: hours(2) })
      .aggregate(() => ({ rows: count() }));
    await finished(windows.to(sink.parquet(out, { mode: 'changelog' })), {}, { windows: 1 });
    await using sql = await openDuckDB();
    const changes = await sql.rows(
      `SELECT op, hour(window_start) AS hour, rows FROM ${parquetIn(out)} ORDER BY file_row_number`.replace(
        "parquet')",
        "parquet', file_row_number = true)",
      ),
    );
    expect(changes.filter(({ hour }) => hour === 8n)).toEqual([
      { op: '+I', hour: 8n, rows: 1n },
      { op: '-U', hour: 8n, rows: 1n },
      { op: '+U', hour: 8n, rows: 2n },
    ]);
  });
});
