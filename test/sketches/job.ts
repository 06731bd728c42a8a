/** A job with sketches over windows of 100,000 rows and more, which writes Parquet and takes checkpoints. */
import path from 'node:path';
import {
  approxDistinct,
  at,
  avg,
  count,
  generate,
  type Output,
  quantile,
  type RunOptions,
  seconds,
  sink,
  sliding,
  source,
  topK,
} from '../../ts/index.ts';

/** The rows of all keys: a millisecond apart, and up to 2 s behind; of a window's 120,000, the first key has 107,000. */
export const ROWS = 350_000;
const words = Array.from({ length: 20_000 }, (_, index) => `word ${index}`);

/** The job with its results in `folder`; `rate` slows it down. */
export function job(folder: string, rate?: number): Output {
  const windows = source
    .generator({
      columns: {
        at: generate.timestamp({ start: at('2001-01-01'), step: '1ms', jitter: '2s' }),
        key: generate.choice(['a', 'b'], { exponent: 3 }),
        value: generate.float({ min: 0, max: 1 }),
        word: generate.choice(words, { exponent: 1 }),
      },
      rows: ROWS,
      ...(rate === undefined ? {} : { rate }),
    })
    .watermark('at', { lag: seconds(1) })
    .keyBy('key')
    .window(sliding({ size: seconds(120), slide: seconds(30) }))
    .aggregate(({ value, word }) => ({
      rows: count(),
      mean: avg(value),
      median: quantile(value, 0.5),
      p99: quantile(value, 0.99),
      words: approxDistinct(word),
      values: approxDistinct(value),
      top: topK(word, 10),
    }));
  return windows.to(sink.parquet(path.join(folder, 'windows')));
}

/** As many checkpoints as fit. */
export function checkpointed(folder: string, more: Partial<RunOptions> = {}): RunOptions {
  return { batchRows: 500, checkpoint: { every: '1ms', to: path.join(folder, 'state') }, ...more };
}
