/** Whole jobs on the native engine: user code, sinks in JavaScript, checkpoints, stop, cancel and resume. */
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { count } from '../api/aggregates.ts';
import { seconds } from '../api/duration.ts';
import { generate } from '../api/generator.ts';
import { sink } from '../api/sink.ts';
import { source } from '../api/source.ts';
import { at } from '../api/time.ts';
import { t } from '../api/types.ts';
import { tumbling } from '../api/window.ts';
import type { HeadraceError } from '../errors.ts';
import type { Job } from './job.ts';
import { run } from './run.ts';
import type { RunEvent, RunOptions } from './run-options.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'headrace-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const schema = { id: t.i64(), name: t.utf8() };
const people = [
  { id: 1n, name: 'Ada' },
  { id: 2n, name: 'Grace' },
  { id: 3n, name: 'Edsger' },
];
const rows = () => source.rows(people, { schema });

async function failure(promise: Promise<unknown>): Promise<HeadraceError> {
  return promise.then(
    () => Promise.reject(new Error('it did not fail')),
    (error: HeadraceError) => error,
  );
}

describe('a job', () => {
  it('runs rows through to the end and tells what it counted', async () => {
    const out = rows()
      .filter((f) => f.id.gt(1))
      .to(sink.collect());
    const job = await run(out);
    expect(job.restored).toEqual({ from: 'nothing', checkpoint: null, parallelism: null, rowsIn: 0 });
    const result = await job.done;
    expect(out.rows).toEqual(people.slice(1));
    expect(result.outcome).toBe('finished');
    expect(result.metrics).toMatchObject({ rowsIn: 3, rowsOut: 2, exportedBytes: 0 });
    expect(job.metrics()).toEqual(result.metrics);
    // Stopping or cancelling what has ended changes nothing.
    await job.stop();
    await job.cancel();
  });

  it('feeds several sinks, some in JavaScript, some not', async () => {
    const stream = rows();
    const seen: bigint[] = [];
    const all = stream.to(sink.collect());
    const called = stream.to(
      sink.callback((batch) => {
        seen.push(...batch.column('id').values);
      }),
    );
    const job = await run([
      all,
      called,
      stream.to(sink.blackhole()),
      stream.to(sink.parquet(path.join(folder, 'out'))),
    ]);
    const { metrics } = await job.done;
    expect(all.rows).toEqual(people);
    expect(seen).toEqual([1n, 2n, 3n]);
    expect(metrics.rowsOut).toBe(12);
    expect(await readParquet(path.join(folder, 'out'))).toEqual(people);
  });

  it('is forgotten when it has ended', async () => {
    setFlagsFromString('--expose-gc');
    const gc = runInNewContext('gc') as () => void;
    const ended = await (async () => {
      const job = await run(rows().to(sink.collect()));
      await job.done;
      return new WeakRef(job);
    })();
    for (let round = 0; round < 20 && ended.deref() !== undefined; round++) {
      await new Promise((resolve) => setTimeout(resolve, 5));
      gc();
    }
    expect(ended.deref()).toBeUndefined();
  });

  it('that fails with nobody looking is an unhandled rejection', async () => {
    const rejections: unknown[] = [];
    const note = (reason: unknown) => rejections.push(reason);
    process.on('unhandledRejection', note);
    await run(rows().to(sink.callback(() => Promise.reject(new Error('unseen')))), {
      signal: new AbortController().signal,
    });
    await until(() => rejections.length > 0);
    process.off('unhandledRejection', note);
    expect(rejections).toMatchObject([{ code: 'HR_USER_FUNCTION_FAILED' }]);
  });

  it('may be started again with the same outputs', async () => {
    const out = rows().to(sink.collect());
    for (let round = 0; round < 2; round++) {
      await (await run(out)).done;
      expect(out.rows).toEqual(people);
    }
  });
});

describe('a JavaScript function', () => {
  const mapped = { id: t.i64(), length: t.i32() };

  it('maps rows and batches, at once or later', async () => {
    const expected = people.map(({ id, name }) => ({ id, length: name.length }));
    const byRow = rows().map(({ id, name }) => ({ id, length: name.length }), { schema: mapped });
    const byPromise = rows().map(async ({ id, name }) => ({ id, length: name.length }), { schema: mapped });
    const byBatch = rows().mapBatches(
      (batch) => ({
        id: batch.column('id').values,
        length: batch.column('name').values.map((name) => name.length),
      }),
      { schema: mapped },
    );
    for (const stream of [byRow, byPromise, byBatch]) {
      const out = stream.to(sink.collect());
      await (await run(out)).done;
      expect(out.rows).toEqual(expected);
    }
  });

  it('flat-maps rows and batches', async () => {
    const letters = { letter: t.utf8() };
    const byRow = rows().flatMap(({ name }) => [...name].map((letter) => ({ letter })), { schema: letters });
    const byBatch = rows().flatMapBatches(
      (batch) => {
        const found = batch.rows().flatMap(({ name }, row) => [...name].map((letter) => ({ letter, row })));
        return { rows: found, parents: found.map(({ row }) => row) };
      },
      { schema: letters },
    );
    for (const stream of [byRow, byBatch]) {
      const out = stream.to(sink.collect());
      await (await run(out)).done;
      expect(out.rows.map(({ letter }) => letter).join('')).toBe('AdaGraceEdsger');
    }
  });

  it('keeps the order of rows with several batches in flight', async () => {
    const delays = (batch: { numRows: number }) =>
      new Promise((resolve) => setTimeout(resolve, batch.numRows % 3));
    const stream = source.generator({ columns: { id: generate.sequence() }, rows: 100 }).mapBatches(
      async (batch) => {
        await delays(batch);
        return { id: batch.column('id').values };
      },
      { schema: { id: t.i64() }, inFlight: 4 },
    );
    const out = stream.to(sink.collect());
    await (await run(out, { batchRows: 7 })).done;
    expect(out.rows.map(({ id }) => id)).toEqual(Array.from({ length: 100 }, (_, id) => BigInt(id)));
  });

  it('that throws fails the job, naming the operator, the line and the cause', async () => {
    const cause = new TypeError('no such name');
    const broken = rows().map(
      () => {
        throw cause;
      },
      { schema: mapped },
    );
    const error = await failure((await run(broken.to(sink.collect()))).done);
    expect(error.code).toBe('HR_USER_FUNCTION_FAILED');
    expect(error.message).toContain('no such name');
    expect(error.cause).toBe(cause);
    expect(error.place?.operator).toBe('map');
    expect(error.place?.at).toMatch(/run\.test\.ts:\d+/);
  });

  it('of the wrong shape fails the job, naming column and row', async () => {
    const broken = rows().map(({ id }) => ({ id, length: 'three' as unknown as number }), { schema: mapped });
    const error = await failure((await run(broken.to(sink.collect()))).done);
    expect(error.code).toBe('HR_USER_FUNCTION_SHAPE');
    expect(error.message).toContain(
      'row 0: column \'length\' should be an integer of 32 bits, got the string "three"',
    );
  });

  it('that never answers fails the job when its time is up', async () => {
    const stuck = rows().map(() => new Promise<never>(() => {}), { schema: mapped, timeout: '50ms' });
    const error = await failure((await run(stuck.to(sink.collect()))).done);
    expect(error.code).toBe('HR_USER_FUNCTION_TIMEOUT');
    expect(error.place?.operator).toBe('map');
  });

  it('that consumes and rejects fails the job', async () => {
    const out = rows().to(sink.callback(() => Promise.reject(new Error('disk on fire'))));
    const error = await failure((await run(out)).done);
    expect(error.code).toBe('HR_USER_FUNCTION_FAILED');
    expect(error.message).toContain('disk on fire');
  });
});

describe('an iterable', () => {
  it('is read to its end', async () => {
    async function* numbers() {
      for (let id = 0; id < 100; id++) yield { id: BigInt(id), name: `n${id}` };
    }
    const out = source.iterable(numbers(), { schema }).to(sink.collect());
    await (await run(out, { batchRows: 7 })).done;
    expect(out.rows).toHaveLength(100);
    expect(out.rows[99]).toEqual({ id: 99n, name: 'n99' });
  });

  it('that throws fails the job', async () => {
    // biome-ignore lint/correctness/useYield: it throws before it would.
    async function* broken(): AsyncGenerator<(typeof people)[number]> {
      throw new Error('connection lost');
    }
    const error = await failure((await run(source.iterable(broken(), { schema }).to(sink.collect()))).done);
    expect(error.code).toBe('HR_USER_FUNCTION_FAILED');
    expect(error.message).toContain('connection lost');
  });

  it('is let go when the job is stopped', async () => {
    let released = false;
    async function* endless() {
      try {
        for (let id = 0n; ; id++) {
          await new Promise((resolve) => setTimeout(resolve, 1));
          yield { id, name: 'x' };
        }
      } finally {
        released = true;
      }
    }
    const out = source.iterable(endless(), { schema }).to(sink.collect());
    const job = await run(out);
    await until(() => out.rows.length > 0);
    await job.stop();
    expect((await job.done).outcome).toBe('stopped');
    await until(() => released);
  });

  it('is refused together with checkpoints', async () => {
    const out = source.iterable(people, { schema }).to(sink.collect());
    const error = await failure(run(out, { checkpoint: { every: '1s', to: path.join(folder, 'state') } }));
    expect(error.code).toBe('HR_NOT_REPLAYABLE');
  });
});

describe('for await', () => {
  const many = () => source.generator({ columns: { id: generate.sequence() }, rows: 1000 });

  it('sees every batch, and the job waits for it', async () => {
    const out = many().to(sink.batches());
    const job = await run(out, { batchRows: 10, channelRows: 20 });
    const ids: bigint[] = [];
    for await (const batch of out) {
      ids.push(...batch.column('id').values);
      const { channels } = job.metrics();
      for (const { rowsMax } of channels) expect(rowsMax).toBeLessThanOrEqual(40);
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
    expect(ids).toEqual(Array.from({ length: 1000 }, (_, id) => BigInt(id)));
    expect((await job.done).outcome).toBe('finished');
  });

  it('left early ends the job', async () => {
    const out = many().to(sink.batches());
    const job = await run(out, { batchRows: 10, channelRows: 20 });
    for await (const batch of out) {
      expect(batch.numRows).toBe(10);
      break;
    }
    expect((await job.done).outcome).toBe('stopped');
  });

  it('throws what the job fails with', async () => {
    const out = rows()
      .map(
        () => {
          throw new Error('broken');
        },
        { schema },
      )
      .to(sink.batches());
    const job = await run(out);
    const loop = (async () => {
      for await (const _ of out);
    })();
    expect((await failure(loop)).code).toBe('HR_USER_FUNCTION_FAILED');
    expect((await failure(job.done)).code).toBe('HR_USER_FUNCTION_FAILED');
  });
});

describe('ending a job', () => {
  const slow = () => source.generator({ columns: { id: generate.sequence() }, rows: 1_000_000, rate: 1000 });

  it('by cancel() rejects done, and nobody has to catch it', async () => {
    const job = await run(slow().to(sink.blackhole()));
    await job.cancel();
    expect((await failure(job.done)).code).toBe('HR_CANCELLED');
  });

  it('by a signal gives its reason', async () => {
    const controller = new AbortController();
    const job = await run(slow().to(sink.blackhole()), { signal: controller.signal });
    const reason = new Error('enough');
    controller.abort(reason);
    const error = await failure(job.done);
    expect([error.code, error.cause]).toEqual(['HR_CANCELLED', reason]);
    const late = await failure(run(slow().to(sink.blackhole()), { signal: controller.signal }));
    expect([late.code, late.cause]).toEqual(['HR_CANCELLED', reason]);
  });

  it('by leaving its scope cancels it', async () => {
    let outer: Job | undefined;
    {
      await using job = await run(slow().to(sink.blackhole()));
      outer = job;
    }
    expect((await failure(outer.done)).code).toBe('HR_CANCELLED');
  });

  it('while a function waits for ever still works', async () => {
    const stuck = rows().map(() => new Promise<never>(() => {}), { schema });
    const job = await run(stuck.to(sink.collect()));
    await job.cancel();
    expect((await failure(job.done)).code).toBe('HR_CANCELLED');
  });

  it('by draining fires the windows of the rows so far', async () => {
    const timed = source
      .generator({
        columns: { at: generate.timestamp({ start: at('2001-01-01'), step: seconds(1) }) },
        rows: 1_000_000,
        rate: 1000,
      })
      .watermark('at', { lag: '1m' })
      .window(tumbling('1d'))
      .aggregate(() => ({ n: count() }));
    const out = timed.to(sink.collect());
    const job = await run(out);
    await until(() => job.metrics().rowsIn > 0);
    await job.stop({ drain: true });
    const { metrics } = await job.done;
    expect(out.rows.map(({ n }) => Number(n))).toEqual([metrics.rowsIn]);
  });
});

describe('checkpoints', () => {
  const total = 3000;
  const pipeline = (rate?: number) => {
    return source
      .generator({
        columns: { id: generate.sequence(), at: generate.timestamp({ start: at('2001-01-01'), step: '1s' }) },
        rows: total,
        ...(rate === undefined ? {} : { rate }),
      })
      .watermark('at', { lag: '10s' })
      .keyBy('id')
      .window(tumbling('1m'))
      .aggregate(() => ({ n: count() }))
      .to(sink.parquet(path.join(folder, 'out')));
  };
  const options = (more: Partial<RunOptions> = {}, fresh = false): RunOptions => ({
    batchRows: 50,
    checkpoint: { every: '20ms', to: path.join(folder, 'state'), fresh },
    ...more,
  });
  const ids = async () =>
    (await readParquet(path.join(folder, 'out'))).map(({ id }) => Number(id)).sort((a, b) => a - b);
  const everyId = Array.from({ length: total }, (_, id) => id);

  /** Starts a slow job and waits until some checkpoints are complete. */
  async function begin(more: Partial<RunOptions> = {}, checkpoints = 3): Promise<Job> {
    let completed = 0;
    const onEvent = ({ event }: RunEvent) => {
      if (event === 'checkpoint') completed += 1;
    };
    const job = await run(pipeline(2000), options({ ...more, onEvent }));
    await until(() => completed >= checkpoints);
    return job;
  }

  it('let a stopped job go on, at another parallelism, to exactly the same rows', async () => {
    const first = await begin({ parallelism: 1 });
    await first.stop();
    const stopped = await first.done;
    expect(stopped.outcome).toBe('stopped');
    expect(stopped.metrics.rowsIn).toBeLessThan(total);
    const last = stopped.metrics.checkpoints.last?.checkpoint;
    const job = await run(pipeline(), options({ parallelism: 2, batchRows: 7 }));
    const { rowsIn } = stopped.metrics;
    expect(job.restored).toEqual({ from: 'checkpoint', checkpoint: last, parallelism: 1, rowsIn });
    const { outcome, metrics } = await job.done;
    expect(outcome).toBe('finished');
    // The account is the job's, not the run's: nothing is read twice, and nothing forgotten.
    expect(metrics).toMatchObject({ rowsIn: total, rowsOut: total, windowsFired: total });
    expect(await ids()).toEqual(everyId);
  });

  it('let a cancelled job go on from its last one', async () => {
    for (const parallelism of [2, 1, 4]) await (await begin({ parallelism })).cancel();
    const job = await run(pipeline(), options());
    expect(job.restored).toMatchObject({ from: 'checkpoint', parallelism: 4 });
    await job.done;
    expect(await ids()).toEqual(everyId);
  });

  it('of a finished job make it start over, and say so', async () => {
    await (await run(pipeline(), options())).done;
    const files = await readdir(path.join(folder, 'out'));
    const job = await run(pipeline(), options({ parallelism: 2 }));
    expect(job.restored).toMatchObject({ from: 'finished', parallelism: 1 });
    await job.done;
    expect(await ids()).toEqual(everyId);
    const again = await readdir(path.join(folder, 'out'));
    expect(again.filter((name) => files.includes(name))).toEqual([]);
  });

  it('are discarded on demand, with the files that belong to them, and nothing else', async () => {
    await (await begin()).stop();
    await writeFile(path.join(folder, 'out', 'notes.txt'), 'mine');
    const job = await run(pipeline(), options({}, true));
    expect(job.restored.from).toBe('nothing');
    await job.done;
    expect(await ids()).toEqual(everyId);
    expect(await readdir(path.join(folder, 'out'))).toContain('notes.txt');
  });

  it('of another pipeline are refused, naming the difference', async () => {
    await (await begin()).stop();
    const other = rows().to(sink.parquet(path.join(folder, 'out')));
    const error = await failure(run(other, options()));
    expect(error.code).toBe('HR_CHECKPOINT_MISMATCH');
    expect(error.message).toMatch(/is new/);
    expect(error.hint).toContain('fresh');
    // Refusing lets the folder go, and leaves everything as it was.
    await (await run(pipeline(), options())).done;
    expect(await ids()).toEqual(everyId);
  });

  it('have one job at a time', async () => {
    const job = await begin();
    expect((await failure(run(pipeline(), options()))).code).toBe('HR_LOCKED');
    await job.cancel();
    await (await run(pipeline(), options())).done;
  });

  it('keep only as many manifests as asked for, and the state files those name', async () => {
    await (await begin({}, 6)).stop();
    const names = await readdir(path.join(folder, 'state'));
    expect(names.filter((name) => name.startsWith('manifest-')).length).toBeLessThanOrEqual(3);
  });

  it('are not needed: without them the files appear at the end', async () => {
    await (await run(pipeline())).done;
    expect(await ids()).toEqual(everyId);
    expect(await readdir(folder)).toEqual(['out']);
  });
});

async function readParquet(out: string): Promise<Record<string, unknown>[]> {
  const names = (await readdir(out)).filter((name) => name.endsWith('.parquet')).sort();
  const stream = source.parquet(names.map((name) => path.join(out, name)));
  const collected = stream.to(sink.collect());
  await (await run(collected)).done;
  return [...collected.rows] as Record<string, unknown>[];
}

async function until(condition: () => boolean): Promise<void> {
  const deadline = Date.now() + 20_000;
  while (!condition()) {
    if (Date.now() > deadline) throw new Error(`not within 20 s: ${condition}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}
