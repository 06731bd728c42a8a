/** Ending a job from outside: by a signal, by leaving a loop, by leaving a scope. */
import { describe, expect, it } from 'vitest';
import { generate, type HeadraceError, type Job, type Output, run, sink, source, t } from '../../ts/index.ts';
import { canary, failure, until } from '../bad-input/support.ts';

const schema = { id: t.i64() };
const endless = (rate?: number) =>
  source.generator({
    columns: { id: generate.sequence() },
    rows: Number.MAX_SAFE_INTEGER,
    ...(rate === undefined ? {} : { rate }),
  });

/** Generous beside the 100 ms after which a sleeping thread looks around by itself. */
const PROMPT_MS = 1500;

describe('an AbortSignal', () => {
  const jobs: readonly (readonly [what: string, build: () => Output])[] = [
    ['runs at full speed', () => endless().to(sink.blackhole())],
    ['waits for its rate', () => endless(0.1).to(sink.blackhole())],
    [
      'waits for a function',
      () =>
        endless()
          .map(() => new Promise<never>(() => {}), { schema })
          .to(sink.blackhole()),
    ],
    ['waits for a sink', () => endless().to(sink.callback(() => new Promise<void>(() => {})))],
    ['waits for a loop that nobody runs', () => endless().to(sink.batches())],
    ['waits for an iterable', () => source.iterable(silent(), { schema }).to(sink.blackhole())],
  ];

  async function* silent(): AsyncGenerator<{ id: bigint }> {
    await new Promise(() => {});
    yield { id: 0n };
  }

  it.each(jobs)('ends a job that %s at once, with its reason', async (_, build) => {
    const controller = new AbortController();
    const reason = new Error('enough');
    const job = await run(build(), { signal: controller.signal });
    await new Promise((resolve) => setTimeout(resolve, 100));
    const startedMs = performance.now();
    controller.abort(reason);
    const error = await failure(() => job.done);
    expect(performance.now() - startedMs).toBeLessThan(PROMPT_MS);
    expect([error.code, error.cause]).toEqual(['HR_CANCELLED', reason]);
    expectNothingLeft(job);
    await canary();
  });

  it('that has aborted before refuses the job, and starts nothing', async () => {
    const error = await failure(() =>
      run(endless().to(sink.blackhole()), { signal: AbortSignal.abort('no') }),
    );
    expect([error.code, error.cause]).toEqual(['HR_CANCELLED', 'no']);
  });

  it('by a timeout gives the timeout as the reason', async () => {
    const job = await run(endless().to(sink.blackhole()), { signal: AbortSignal.timeout(50) });
    const error = await failure(() => job.done);
    expect(error.code).toBe('HR_CANCELLED');
    expect((error.cause as Error).name).toBe('TimeoutError');
  });

  it('that aborts after the end changes nothing, and the job listens no longer', async () => {
    const controller = new AbortController();
    const out = source.rows([{ id: 1n }], { schema }).to(sink.collect());
    const job = await run(out, { signal: controller.signal });
    await job.done;
    controller.abort();
    expect((await job.done).outcome).toBe('finished');
    expect(out.rows).toEqual([{ id: 1n }]);
  });
});

describe('a loop over batches', () => {
  it('that is left early stops the job', async () => {
    const out = endless().to(sink.batches());
    const job = await run(out);
    let seen = 0;
    for await (const batch of out) {
      seen += batch.numRows;
      if (seen >= 20_000) break;
    }
    expect((await job.done).outcome).toBe('stopped');
    expect(seen).toBeGreaterThanOrEqual(20_000);
    expectNothingLeft(job);
    await canary();
  });

  it('that throws stops the job, and the error is the loop’s own', async () => {
    const out = endless().to(sink.batches());
    const job = await run(out);
    const own = new Error('in the loop');
    const loop = async () => {
      for await (const _ of out) throw own;
    };
    await expect(loop()).rejects.toBe(own);
    expect((await job.done).outcome).toBe('stopped');
    expectNothingLeft(job);
  });

  it('that is left early ends the other sinks of the job too, with what they had', async () => {
    const rows = endless();
    const loop = rows.to(sink.batches());
    let called = 0;
    const callback = rows.to(
      sink.callback((batch) => {
        called += batch.numRows;
      }),
    );
    const job = await run([loop, callback]);
    for await (const _ of loop) if (called > 0) break;
    const { outcome, metrics } = await job.done;
    expect(outcome).toBe('stopped');
    expect(called).toBeLessThanOrEqual(metrics.rowsOut);
    expectNothingLeft(job);
  });

  it('throws what the job is cancelled with', async () => {
    const controller = new AbortController();
    const out = endless(1000).to(sink.batches());
    const job = await run(out, { signal: controller.signal });
    const loop = (async () => {
      for await (const _ of out) controller.abort(new Error('enough'));
    })();
    const error = (await loop.catch((reason: unknown) => reason)) as HeadraceError;
    expect(error.code).toBe('HR_CANCELLED');
    expect((await failure(() => job.done)).code).toBe('HR_CANCELLED');
  });
});

it('leaving the scope of a job at full speed ends it', async () => {
  let outer: Job | undefined;
  {
    await using job = await run(endless().to(sink.blackhole()));
    await until(() => job.metrics().rowsIn > 100_000);
    outer = job;
  }
  expect((await failure(() => outer?.done)).code).toBe('HR_CANCELLED');
  expectNothingLeft(outer);
});

it('metrics may be read at every moment, also while the job winds down', async () => {
  for (let round = 0; round < 20; round++) {
    const rows = source.generator({ columns: { id: generate.sequence() }, rows: 50_000 });
    const job = await run(rows.to(sink.blackhole()), { parallelism: 2 });
    let ended = false;
    const done = job.done.finally(() => {
      ended = true;
    });
    for (let before = 0; !ended; ) {
      const { rowsIn } = job.metrics();
      expect(rowsIn).toBeGreaterThanOrEqual(before);
      before = rowsIn;
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect((await done).metrics.rowsIn).toBe(50_000);
  }
});

function expectNothingLeft(job: Job): void {
  expect(job.metrics()).toMatchObject({ exportedBytes: 0, threads: 0 });
}
