/** A partition becomes idle by the clock also while another one never stops having rows. */
import { expect, test } from 'vitest';
import { at, count, generate, millis, run, sink, source, t, tumbling } from '../../ts/index.ts';

const ROWS = 20_000_000;
const schema = { at: t.timestamp() };
const columns = { at: generate.timestamp({ start: new Date('2001-01-01'), step: '1s' }) };

test('windows fire long before the busy partition has ended', async () => {
  let see = (): void => {};
  const seen = new Promise<void>((resolve) => {
    see = resolve;
  });
  async function* oneRow() {
    yield { at: at('2001-01-01') };
    await seen;
  }
  let read = 0;
  const counted = source.generator({ rows: ROWS, columns }).mapBatches(
    (batch) => {
      read += batch.numRows;
      return batch;
    },
    { schema },
  );
  const job = await run(
    counted
      .union(source.iterable(oneRow(), { schema }))
      .watermark('at', { lag: millis(0), idle: millis(30) })
      .window(tumbling('1h'))
      .aggregate(() => ({ rows: count() }))
      .to(sink.callback(() => see())),
  );
  await seen;
  const readThen = read;
  await job.cancel();
  expect(readThen).toBeGreaterThan(0);
  expect(readThen).toBeLessThan(ROWS);
});
