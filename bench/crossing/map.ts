/** A function over four million rows as a batch map, as a row map, and as a loop. One process, one core. */
import { Table, vectorFromArray } from 'apache-arrow';
import { type Batch, run, sink, source, t } from '../../ts/index.ts';
import { serve } from '../lib/peer.ts';
import { summarise } from '../lib/statistics.ts';
import { timedRun } from '../lib/timed-run.ts';

const ROWS = 1 << 20;
const BATCH_ROWS = 8192;

const a = Float64Array.from({ length: ROWS }, (_, row) => row * 0.25);
const b = Float64Array.from({ length: ROWS }, (_, row) => Math.sqrt(row));
const table = new Table({ a: vectorFromArray(a), b: vectorFromArray(b) });

interface Row {
  readonly a: number;
  readonly b: number;
}

/** The function itself. */
const f = (left: number, right: number) => left * 1.5 + right;

// The rows are gone through several times over, so that starting and ending a job is not what is measured, and so that
// everybody collects the garbage that he makes.
const TIMES = 8;
const once = source.table(table, { schema: { a: t.f64(), b: t.f64() } });
const rows = once.union(...Array.from({ length: TIMES - 1 }, () => once));
const schema = { value: t.f64() };

const byBatch = rows.mapBatches(
  (batch) => {
    const [left, right] = [batch.column('a').values, batch.column('b').values];
    const value = new Float64Array(batch.numRows);
    for (let row = 0; row < value.length; row++) value[row] = f(left[row] as number, right[row] as number);
    return { value };
  },
  { schema },
);

const byRow = rows.map((row) => ({ value: f(row.a, row.b) }), { schema });

/** A loop over typed arrays, a batch at a time. */
function typedLoop(): number {
  let check = 0;
  for (let start = 0; start < ROWS; start += BATCH_ROWS) {
    const value = new Float64Array(BATCH_ROWS);
    for (let row = 0; row < BATCH_ROWS; row++) {
      value[row] = f(a[start + row] as number, b[start + row] as number);
    }
    check += value[BATCH_ROWS - 1] as number;
  }
  return check;
}

/** A loop over row objects, which are there already, into row objects. */
function objectLoop(objects: readonly Row[]): number {
  let check = 0;
  for (let start = 0; start < ROWS; start += BATCH_ROWS) {
    const value: { value: number }[] = [];
    for (let row = 0; row < BATCH_ROWS; row++) {
      const object = objects[start + row] as Row;
      value.push({ value: f(object.a, object.b) });
    }
    check += (value[BATCH_ROWS - 1] as { value: number }).value;
  }
  return check;
}

// No garbage is collected on purpose before: that throws compiled code away, which matters more here than garbage.
const REPEATS = 5;

/** The median of repetitions, so that compiling is not what is measured; ns per row. */
async function repeated(milliseconds: () => number | Promise<number>): Promise<number> {
  const samples: number[] = [];
  for (let repeat = 0; repeat < REPEATS; repeat++) samples.push(await milliseconds());
  return (summarise(samples).median * 1e6) / ROWS;
}

async function timeJob(mapped: typeof byBatch | typeof byRow): Promise<number> {
  return await repeated(async () => {
    return (await timedRun(mapped.to(sink.blackhole()), { batchRows: BATCH_ROWS })).ms / TIMES;
  });
}

async function timeLoop(loop: () => number): Promise<number> {
  return await repeated(() => {
    let check = 0;
    const begin = performance.now();
    for (let time = 0; time < TIMES; time++) check += loop();
    const ms = performance.now() - begin;
    if (!(check > 0)) throw new Error('The loop was not run.');
    return ms / TIMES;
  });
}

async function sum(mapped: typeof byBatch | typeof byRow): Promise<number> {
  let total = 0;
  const add = (batch: Batch<{ value: number }>) => {
    for (const value of batch.column('value').values) total += value;
  };
  await (await run(mapped.to(sink.callback(add)))).done;
  return total;
}

serve({
  sums: async () => {
    let expected = 0;
    for (let row = 0; row < ROWS; row++) expected += f(a[row] as number, b[row] as number);
    return { expected, byBatch: (await sum(byBatch)) / TIMES, byRow: (await sum(byRow)) / TIMES };
  },
  typedLoop: () => timeLoop(typedLoop),
  objectLoop: () => {
    // Made for this alone: millions of objects alive would burden every collection of garbage in the others.
    const objects = Array.from(a, (left, row): Row => ({ a: left, b: b[row] as number }));
    return timeLoop(() => objectLoop(objects));
  },
  byBatch: () => timeJob(byBatch),
  byRow: () => timeJob(byRow),
});
