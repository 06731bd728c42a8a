// Runs the pipeline of pipeline.ts and prints what came out, with the count and the sum over all windows.
import { run } from 'headrace';
import { testDriver } from 'headrace/testing';
import { collected, totals } from './pipeline.ts';

const job = await run([collected], { parallelism: 2 });
const { outcome } = await job.done;

const driver = testDriver(totals);
driver.push({ sensor: 'a', at: 0n, value: 7n });
driver.finish();

let readings = 0n;
let total = 0n;
for (const row of collected.rows) {
  readings += row.readings;
  total += row.total ?? 0n;
}
console.log(
  JSON.stringify({
    node: process.version,
    outcome,
    windows: collected.rows.length,
    readings: Number(readings),
    total: Number(total),
    driven: driver.rows().length,
  }),
);
