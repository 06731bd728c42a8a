/** A `watermark()` behind another takes its place: only its own event time counts, in whatever order the other's ran. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { count, micros, source, t, tumbling } from '../../ts/index.ts';
import { testDriver } from '../../ts/testing/index.ts';
import { forAll } from '../seeds.ts';

const schema = { first: t.timestamp(), second: t.timestamp() };

interface Times {
  readonly first: bigint;
  readonly second: bigint;
  readonly partition: 0 | 1;
}

function windowsOf(rows: readonly Times[], both: boolean) {
  const partition = () => source.rows([], { schema });
  const marked = partition().union(partition());
  const second = { lag: micros(50) };
  const stream = both
    ? marked.watermark('first', { lag: micros(5) }).watermark('second', second)
    : marked.watermark('second', second).select((f) => ({ first: f.first, second: f.second }));
  const windows = stream.window(tumbling(micros(100)), { late: 'late' }).aggregate(() => ({ rows: count() }));
  const driver = testDriver(windows);
  for (const { partition: at, ...row } of rows) driver.push(row, at);
  // One partition ends long before the other; it must not hold the windows back.
  driver.finish(0);
  const fired = driver.rows().length;
  driver.finish(1);
  return { fired, all: [...driver.rows()], late: driver.sideOutput('late').rows() };
}

test('the windows are those of the last watermark alone', async () => {
  const time = fc.bigInt({ min: 0n, max: 1000n });
  const row = fc.record({ first: time, second: time, partition: fc.constantFrom(0 as const, 1 as const) });
  const same = async (rows: readonly Times[]): Promise<void> => {
    expect(windowsOf(rows, true)).toEqual(windowsOf(rows, false));
  };
  await forAll(fc.array(row, { maxLength: 60 }), same, 200);
});

test('a partition that has ended does not hold the other back', () => {
  const row = (second: bigint, partition: 0 | 1): Times => ({ first: 0n, second, partition });
  const { fired } = windowsOf([row(10n, 0), row(20n, 1), row(900n, 1)], true);
  expect(fired).toBe(1);
});
