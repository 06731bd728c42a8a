/** A sink that sleeps holds everything before it back: channels stay within their limits, and memory stays flat. */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { describe, expect, it } from 'vitest';
import {
  at,
  count,
  generate,
  type Job,
  max,
  type Output,
  type RunOptions,
  run,
  sink,
  source,
  t,
  tumbling,
} from '../../ts/index.ts';
import { canary, until } from '../bad-input/support.ts';

const MIB = 1 << 20;
const TOLERANCE = 64 * MIB;

/** The default limits of a channel. */
const [CHANNEL_ROWS, CHANNEL_BYTES] = [65_536, 16 * MIB];

/** Rows of 1 KiB: so many bytes that the limit of bytes is the one that stops them, at least ten times over. */
const WIDE = 1024;
const WIDE_ROWS = (10 * CHANNEL_BYTES) / WIDE;
const wide = () =>
  source.generator({
    columns: {
      id: generate.sequence(),
      at: generate.timestamp({ start: at('2001-01-01'), step: '1s' }),
      text: generate.choice(['a'.repeat(WIDE), 'b'.repeat(WIDE)]),
    },
    rows: WIDE_ROWS,
    partitions: 2,
  });

/** Rows of 8 bytes: so many that the limit of rows is the one that stops them, ten times over. */
const NARROW_ROWS = 10 * CHANNEL_ROWS;
const narrow = () => source.generator({ columns: { id: generate.sequence() }, rows: NARROW_ROWS });

const sleep = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));

setFlagsFromString('--expose-gc');
const gc = runInNewContext('gc') as () => void;

/** What the process holds, with all that V8 has not got round to collecting. */
const resident = () => process.memoryUsage.rss();

/** A job that ends in `output`, run while its memory is watched. */
async function watched(
  output: Output,
  options: RunOptions,
  during: (job: Job) => Promise<void>,
): Promise<{ grownBy: number; job: Job }> {
  // Whatever a first job allocates for good is there before.
  await canary();
  // What is left of earlier tests must not make room for this one.
  gc();
  const before = resident();
  let peak = before;
  const watch = setInterval(() => {
    peak = Math.max(peak, resident());
  }, 20);
  const job = await run(output, options);
  try {
    await during(job);
  } finally {
    clearInterval(watch);
    await job.cancel();
    job.done.catch(() => {});
  }
  return { grownBy: peak - before, job };
}

function expectWithinLimits(job: Job, limits = { rows: CHANNEL_ROWS, bytes: CHANNEL_BYTES }): void {
  const { channels } = job.metrics();
  expect(channels.length).toBeGreaterThan(0);
  for (const channel of channels) {
    expect(channel.rowsMax).toBeLessThanOrEqual(limits.rows);
    expect(channel.bytesMax).toBeLessThanOrEqual(limits.bytes);
  }
  // Full enough that the limits were what stopped it.
  const share = ({ rowsMax, bytesMax }: (typeof channels)[number]) =>
    Math.max(rowsMax / limits.rows, bytesMax / limits.bytes);
  expect(Math.max(...channels.map(share))).toBeGreaterThan(0.5);
}

/** Waits until the sources stand still, and returns how many rows they have read. */
async function standstill(job: Job): Promise<number> {
  await until(() => job.metrics().rowsIn > 0);
  for (let before = -1; ; ) {
    const { rowsIn } = job.metrics();
    if (rowsIn === before) return rowsIn;
    before = rowsIn;
    await sleep(250);
  }
}

describe('a sink that does not answer', () => {
  const asleep = () => sink.callback(() => new Promise<void>(() => {}));

  it('stops a source of wide rows at the limit of bytes', async () => {
    const { grownBy } = await watched(wide().to(asleep()), {}, async (job) => {
      const rowsIn = await standstill(job);
      // Beside the channel there is a batch with the sink and one in the hands of each source.
      expect(rowsIn * WIDE).toBeLessThanOrEqual(CHANNEL_BYTES * 3);
      expectWithinLimits(job);
    });
    expect(grownBy).toBeLessThan(TOLERANCE);
  });

  it('stops a source of narrow rows at the limit of rows', async () => {
    const { grownBy } = await watched(narrow().to(asleep()), {}, async (job) => {
      expect(await standstill(job)).toBeLessThanOrEqual(CHANNEL_ROWS + 3 * 8192);
      expectWithinLimits(job);
    });
    expect(grownBy).toBeLessThan(TOLERANCE);
  });

  it('stops sources behind an exchange and windows', async () => {
    const windows = wide()
      .watermark('at', { lag: '0s' })
      .keyBy('id')
      .window(tumbling('1s'))
      .aggregate((f) => ({ n: count(), text: max(f.text) }));
    const options = { parallelism: 2, batchRows: 512, channelBytes: 4 * MIB };
    const { grownBy } = await watched(windows.to(asleep()), options, async (job) => {
      const rowsIn = await standstill(job);
      expect(rowsIn).toBeLessThan(WIDE_ROWS / 2);
      expectWithinLimits(job, { rows: CHANNEL_ROWS, bytes: options.channelBytes });
    });
    expect(grownBy).toBeLessThan(TOLERANCE);
  });
});

describe('a sink that sleeps over each batch', () => {
  // Beside what the limits allow, V8 lets some 32 MiB of batches lie that are nobody's any more before it collects them.
  const batchRows = 512;
  const options = { batchRows, parallelism: 2, channelBytes: 4 * MIB };
  const limits = { rows: CHANNEL_ROWS, bytes: options.channelBytes };

  it('gets every row in flat memory', async () => {
    let rows = 0;
    const output = wide().to(
      sink.callback(async (batch) => {
        await sleep(4);
        rows += batch.numRows;
      }),
    );
    const { grownBy } = await watched(output, options, async (job) => {
      await job.done;
      expectWithinLimits(job, limits);
      expect(job.metrics()).toMatchObject({ rowsOut: WIDE_ROWS, exportedBytes: 0, threads: 0 });
    });
    expect(rows).toBe(WIDE_ROWS);
    expect(grownBy).toBeLessThan(TOLERANCE);
  });

  it('as a loop over batches gets every row in flat memory', async () => {
    const out = wide().to(sink.batches());
    let rows = 0;
    const { grownBy } = await watched(out, options, async (job) => {
      for await (const batch of out) {
        rows += batch.numRows;
        await sleep(4);
      }
      await job.done;
      expectWithinLimits(job, limits);
    });
    expect(rows).toBe(WIDE_ROWS);
    expect(grownBy).toBeLessThan(TOLERANCE);
  });

  it('as a function in the middle gets every row in flat memory, and exports no more than its batches', async () => {
    let exported = 0;
    const output = wide()
      .mapBatches(
        async (batch) => {
          await sleep(4);
          return { id: batch.column('id').values };
        },
        { schema: { id: t.i64() }, inFlight: 2 },
      )
      .to(sink.blackhole());
    const { grownBy } = await watched(output, options, async (job) => {
      const watch = setInterval(() => {
        exported = Math.max(exported, job.metrics().exportedBytes);
      }, 5);
      await job.done.finally(() => clearInterval(watch));
      expectWithinLimits(job, limits);
      expect(job.metrics()).toMatchObject({ rowsOut: WIDE_ROWS, exportedBytes: 0, threads: 0 });
    });
    // A row has some bytes beside its text.
    const batchBytes = batchRows * (WIDE + 64);
    expect(exported).toBeGreaterThan(0);
    // Two subtasks, each with two batches at the function and three that lie ready.
    expect(exported).toBeLessThanOrEqual(2 * (2 + 3) * batchBytes);
    expect(grownBy).toBeLessThan(TOLERANCE);
  });
});
