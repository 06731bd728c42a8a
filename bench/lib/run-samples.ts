/** Runs of a real model that are measured by themselves: rows × width × context. */
import { BLOCK_TOKENS } from '../../ts/llm/import/shape.ts';
import type { KvPool, ModelRunner } from '../../ts/llm/runner/runner.ts';
import type { CostSample } from '../../ts/llm/scheduler/cost.ts';
import { summarise } from './statistics.ts';

/** What is measured: a run of so many rows, each with `width` new tokens at the end of `context` in all. */
export type RunSize = Omit<CostSample, 'ms'>;

/** Runs as an engine meets them: single tokens, ends of prompts behind a cached prefix, chunks of prompts. */
export const RUN_SIZES: readonly RunSize[] = [
  ...sizes([1, 2, 4, 8, 16], [1], [64, 256, 1024]),
  ...sizes([1], [1], [4096]),
  ...sizes([1, 4, 8], [4, 16], [64, 512]),
  ...sizes([1, 4], [64], [128, 1024]),
  ...sizes([1], [128, 256], [512, 2048]),
];

/** Blocks of the cache: rows share them when there are not enough, which a run that only reads does not notice. */
export const RUN_BLOCKS = 513;

/**
 * Measures each size so many times, in turn; the first round warms up and does not count. Each gets the least of its times:
 * what else the machine does only makes a run slower.
 */
export async function measureRuns(
  runner: ModelRunner,
  sizes: readonly RunSize[],
  rounds: number,
): Promise<CostSample[]> {
  const pool = writtenPool(runner);
  const times = sizes.map(() => [] as number[]);
  for (let round = 0; round <= rounds; round++) {
    for (const [at, size] of sizes.entries()) {
      const ms = await measureRun(runner, pool, size);
      if (round > 0) times[at]?.push(ms);
    }
  }
  return sizes.map((size, at) => ({ ...size, ms: summarise(times[at] ?? []).min }));
}

/** A cache whose memory is there: pages that were never written are all one page, which is read faster than others. */
export function writtenPool(runner: ModelRunner): KvPool {
  const pool = runner.pool(RUN_BLOCKS);
  // Block 0 pads, and stays as it is.
  pool.data.fill(0.01, pool.data.length / RUN_BLOCKS);
  return pool;
}

/** Milliseconds of one run over a pool of so many blocks. */
export async function measureRun(
  runner: ModelRunner,
  pool: KvPool,
  { rows, width, context }: RunSize,
): Promise<number> {
  const blocks = context / BLOCK_TOKENS;
  const step = {
    ...{ rows, width, logits: false },
    tokens: BigInt64Array.from({ length: rows * width }, (_, at) => BigInt(100 + at)),
    start: new BigInt64Array(rows).fill(BigInt(context - width)),
    blocks: BigInt64Array.from({ length: rows * blocks }, (_, at) => BigInt(1 + (at % (RUN_BLOCKS - 1)))),
    score: BigInt64Array.from({ length: 2 * rows }, (_, at) => BigInt(at % 2 === 0 ? at / 2 : width - 1)),
  };
  const began = performance.now();
  await runner.run(step, pool);
  return performance.now() - began;
}

function sizes(rows: readonly number[], widths: readonly number[], contexts: readonly number[]): RunSize[] {
  return rows.flatMap((count) =>
    widths.flatMap((width) => contexts.map((context) => ({ rows: count, width, context }))),
  );
}
