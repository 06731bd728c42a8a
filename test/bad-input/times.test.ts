/** Event times that are null, beyond every calendar, or far ahead of all others. */
import {
  type Data,
  type DataType,
  DateMillisecond,
  makeData,
  makeVector,
  Table,
  TimestampMillisecond,
  TimestampSecond,
} from 'apache-arrow';
import { describe, expect, it } from 'vitest';
import {
  count,
  type JobMetrics,
  type RunOptions,
  sink,
  source,
  t,
  tumbling,
  type WatermarkOptions,
} from '../../ts/index.ts';
import { finished } from '../finished.ts';
import { failure, failureOf, scene } from './support.ts';

scene();
const SECOND = 1_000_000n;
const schema = { at: t.timestamp().nullable(), id: t.i64() };

/** Counts per minute over event times that are given in order of arrival. */
async function perMinute(
  times: readonly (bigint | null)[],
  options: WatermarkOptions = { lag: '0s' },
  runOptions: RunOptions = {},
) {
  const rows = times.map((at, id) => ({ at, id: BigInt(id) }));
  const out = source
    .rows(rows, { schema })
    .watermark('at', options)
    .window(tumbling('1m'))
    .aggregate(() => ({ n: count() }))
    .to(sink.collect());
  const { metrics } = await finished(out, runOptions);
  const counts = out.rows.map(({ window_start, n }): [bigint, bigint] => [window_start, n]);
  return { counts, metrics };
}

function counter({ operators }: JobMetrics, name: string): number {
  return operators.reduce((total, { counters }) => total + (counters[name] ?? 0), 0);
}

describe.each([1, 8192])('in batches of %i, an event time', (batchRows) => {
  it('that is null drops its row, and it is counted', async () => {
    const times = [0n, null, 1n, null, null, 59n * SECOND];
    const { counts, metrics } = await perMinute(times, { lag: '0s' }, { batchRows });
    expect(counts).toEqual([[0n, 3n]]);
    expect(metrics.rowsIn).toBe(6);
    expect(metrics.dropped).toMatchObject({ nullTime: 3 });
  });

  it('that is null in every row leaves no windows', async () => {
    const { counts, metrics } = await perMinute([null, null], { lag: '0s' }, { batchRows });
    expect(counts).toEqual([]);
    expect(metrics.dropped).toMatchObject({ nullTime: 2 });
  });

  it('beyond every calendar drops its row and moves no watermark', async () => {
    const [first, last] = [-(2n ** 63n), 2n ** 63n - 1n];
    const times = [0n, last, first, 2n ** 61n + 1n, -(2n ** 61n) - 1n, 1n];
    const { counts, metrics } = await perMinute(times, { lag: '0s' }, { batchRows });
    expect(counts).toEqual([[0n, 2n]]);
    expect(metrics.dropped).toMatchObject({ timeOutOfRange: 4, nullTime: 0 });
    expect(metrics.rowsLate).toBe(0);
  });

  it('at the edges of what is in range still gets its window', async () => {
    const edge = 2n ** 61n;
    const { counts, metrics } = await perMinute([-edge, 0n, edge], { lag: '0s' }, { batchRows });
    expect(counts.map(([, n]) => n)).toEqual([1n, 1n, 1n]);
    for (const [index, time] of [-edge, 0n, edge].entries()) {
      const [start] = counts[index] ?? [0n];
      expect(start <= time && time < start + 60n * SECOND).toBe(true);
    }
    expect(metrics.dropped).toMatchObject({ timeOutOfRange: 0 });
  });

  it('before 1970 falls into the window that holds it', async () => {
    const { counts } = await perMinute([-1n, 0n], { lag: '0s' }, { batchRows });
    expect(counts).toEqual([
      [-60n * SECOND, 1n],
      [0n, 1n],
    ]);
  });

  // A clock that is a century off, in the second row of five.
  const century = 3_155_760_000n * SECOND;
  const withOutlier = [0n, century, 1n * SECOND, 61n * SECOND, 62n * SECOND];

  it('far ahead makes what follows late, without maxAhead', async () => {
    const { counts, metrics } = await perMinute(withOutlier, { lag: '0s' }, { batchRows });
    expect(counts.map(([, n]) => n)).toEqual([1n, 1n]);
    expect(metrics.rowsLate).toBe(3);
    expect(counter(metrics, 'rowsAhead')).toBe(0);
  });

  it('far ahead is warned of by its row once most rows after it are late, without maxAhead', async () => {
    const times = Array.from({ length: 200 }, (_, row) => BigInt(row) * SECOND);
    times[7] = century;
    const { metrics } = await perMinute(times, { lag: '0s' }, { batchRows });
    expect(metrics.warnings).toEqual([
      {
        code: 'HR_ROW_FAR_AHEAD',
        message: expect.stringMatching(
          /^192 of the 192 rows after row \d+:7 are late, because its event time 2070-01-01 00:00:00 is 3\d+d.* ahead of theirs \(in watermark\(at, 0s\) at .*times\.test\.ts:\d+.*\)\. With maxAhead/,
        ),
        place: expect.objectContaining({
          operator: 'watermark(at, 0s)',
          at: expect.stringMatching(/times\.test\.ts:\d+/),
          row: expect.stringMatching(/^\d+:7$/),
        }),
        eventTime: Number(century),
        rowsAfter: 192,
        rowsLate: 192,
      },
    ]);
    const limited = await perMinute(times, { lag: '0s', maxAhead: '1h' }, { batchRows });
    expect(limited.metrics.warnings).toEqual([]);
    const ordinary = await perMinute(times.with(7, 7n * SECOND), { lag: '0s' }, { batchRows });
    expect(ordinary.metrics.warnings).toEqual([]);
  });

  it('far ahead moves no watermark with maxAhead, and is counted', async () => {
    const options = { lag: '0s', maxAhead: '1h' };
    const { counts, metrics } = await perMinute(withOutlier, options, { batchRows });
    expect(counts.map(([, n]) => n)).toEqual([2n, 2n, 1n]);
    expect(metrics.rowsLate).toBe(0);
    expect(counter(metrics, 'rowsAhead')).toBe(1);
  });

  it('exactly maxAhead ahead does move the watermark', async () => {
    const options = { lag: '0s', maxAhead: '1h' };
    const { metrics } = await perMinute([0n, 3600n * SECOND, 1n], options, { batchRows });
    expect([counter(metrics, 'rowsAhead'), metrics.rowsLate]).toEqual([0, 1]);
    const further = await perMinute([0n, 3600n * SECOND + 1n, 1n], options, { batchRows });
    expect([counter(further.metrics, 'rowsAhead'), further.metrics.rowsLate]).toEqual([1, 0]);
  });
});

describe('a stream without usable event time', () => {
  it('is HR_TYPE_MISMATCH when the column is no timestamp, at the line', async () => {
    const stream = source.rows([{ at: 0n, id: 0n }], { schema });
    const error = await failure(() => stream.watermark('id' as never, { lag: '0s' }));
    expect(error.code).toBe('HR_TYPE_MISMATCH');
    expect(error.place?.operator).toBe('watermark(id)');
    expect(error.place?.at).toMatch(/times\.test\.ts:\d+/);
  });

  it('is HR_NO_EVENT_TIME at a window', async () => {
    const stream = source.rows([{ at: 0n, id: 0n }], { schema });
    const error = await failure(() => stream.window.call(stream as never, tumbling('1m')));
    expect(error.code).toBe('HR_NO_EVENT_TIME');
  });

  it('is HR_TYPE_MISMATCH for a time that needs more than 64 bits', async () => {
    const rows = [{ at: 2n ** 63n, id: 0n }];
    const error = await failureOf(source.rows(rows, { schema }).to(sink.collect()));
    expect(error.code).toBe('HR_TYPE_MISMATCH');
    expect(error.message).toContain("row 0: column 'at'");
    expect(error.place?.operator).toBe('rows');
    expect(error.place?.at).toMatch(/times\.test\.ts:\d+/);
  });
});

describe('a time of Arrow data', () => {
  const table = (type: DataType, values: BigInt64Array, isValid: (row: number) => boolean = () => true) => {
    const rows = [...values.keys()];
    const nullBitmap = Uint8Array.of(rows.reduce((bits, row) => bits | (Number(isValid(row)) << row), 0));
    const nullCount = rows.filter((row) => !isValid(row)).length;
    const data = makeData({ type, length: values.length, data: values, nullBitmap, nullCount } as never);
    return new Table({ at: makeVector(data as Data) });
  };
  const huge = BigInt64Array.of(1n, 2n ** 62n);

  it.each([
    ['seconds', new TimestampSecond()],
    ['milliseconds', new TimestampMillisecond()],
    ['days', new DateMillisecond()],
  ])('that is out of range in %s is HR_OVERFLOW, naming column, row and line', async (_, type) => {
    const error = await failureOf(source.table(table(type, huge)).to(sink.collect()));
    expect(error.code).toBe('HR_OVERFLOW');
    expect(error.message).toMatch(/'at'.*row 1/);
    expect(error.place?.operator).toBe('table');
    expect(error.place?.at).toMatch(/times\.test\.ts:\d+/);
  });

  it('that is null may have any number below it', async () => {
    const out = source.table(table(new TimestampMillisecond(), huge, (row) => row === 0)).to(sink.collect());
    await finished(out);
    expect(out.rows).toEqual([{ at: 1000n }, { at: null }]);
  });
});
