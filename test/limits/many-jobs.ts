/** Runs small jobs one after the other, of every kind, and prints what each left behind, as JSON. */
import { readdirSync } from 'node:fs';
import { count, isHeadraceError, type Output, run, sink, source, tumbling } from '../../ts/index.ts';
import { canary, failureOf, reading, readings } from '../bad-input/support.ts';

/** What is there after a number of jobs. */
export interface Remains {
  readonly jobs: number;
  readonly residentBytes: number;
  readonly threads: number;
}

const [, , jobs = '0', early = '0'] = process.argv;
const gc = globalThis.gc as () => void;
const rows = () => source.rows(readings, { schema: reading });

/** The kinds of job: one that ends well, one that fails, one that is cancelled, one whose function is in JavaScript. */
const kinds: readonly (() => Promise<void>)[] = [
  canary,
  async () => {
    await failureOf(
      rows()
        .map(
          () => {
            throw new Error('on purpose');
          },
          { schema: reading },
        )
        .to(sink.blackhole()),
    );
  },
  async () => {
    const job = await run(rows().to(sink.callback(() => new Promise(() => {}))));
    await job.cancel();
    const error: unknown = await job.done.catch((reason: unknown) => reason);
    if (!isHeadraceError(error) || error.code !== 'HR_CANCELLED') throw error;
    expectNothingLeft(job.metrics());
  },
  () =>
    ends(
      rows()
        .map((row) => row, { schema: reading })
        .to(sink.collect()),
    ),
  () =>
    ends(
      rows()
        .watermark('at', { lag: '0s' })
        .keyBy('key', 'value')
        .window(tumbling('1s'))
        .aggregate(() => ({ n: count() }))
        .to(sink.blackhole()),
    ),
];

async function ends(output: Output): Promise<void> {
  const { metrics } = await (await run(output, { parallelism: 2, batchRows: 7 })).done;
  expectNothingLeft(metrics);
}

function expectNothingLeft({ exportedBytes, threads }: { exportedBytes: number; threads: number }): void {
  if (exportedBytes !== 0 || threads !== 0)
    throw new Error(`${exportedBytes} bytes, ${threads} threads left`);
}

function remains(done: number): Remains {
  gc();
  const threads = process.platform === 'linux' ? readdirSync('/proc/self/task').length : 0;
  return { jobs: done, residentBytes: process.memoryUsage.rss(), threads };
}

const found: Remains[] = [];
for (let job = 1; job <= Number(jobs); job++) {
  await kinds[job % kinds.length]?.();
  if (job === Number(early) || job === Number(jobs)) found.push(remains(job));
}
process.stdout.write(JSON.stringify(found));
