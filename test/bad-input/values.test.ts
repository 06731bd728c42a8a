/** Values that arithmetic trips over: nulls, NaN, infinities, −0, and sums beyond 64 bits. */
import { describe, expect, it } from 'vitest';
import {
  approxDistinct,
  avg,
  count,
  max,
  min,
  sink,
  sliding,
  source,
  stddev,
  sum,
  t,
  tumbling,
} from '../../ts/index.ts';
import { finished } from '../finished.ts';
import { failureOf, scene } from './support.ts';

scene();
const SECOND = 1_000_000n;
const LARGEST = 2n ** 63n - 1n;

describe('a null key', () => {
  it.each([1, 2, 4])('is a key like any other, at parallelism %i', async (parallelism) => {
    const keys = ['a', null, '', 'a', null, null];
    const rows = keys.map((key, row) => ({ at: BigInt(row), key, part: row % 2 === 0 ? null : 1n }));
    const schema = { at: t.timestamp(), key: t.utf8().nullable(), part: t.i64().nullable() };
    const timed = source.rows(rows, { schema }).watermark('at', { lag: '0s' });
    const one = timed
      .keyBy('key')
      .window(tumbling('1m'))
      .aggregate(() => ({ n: count() }))
      .to(sink.collect());
    const two = timed
      .keyBy('key', 'part')
      .window(tumbling('1m'))
      .aggregate(() => ({ n: count() }))
      .to(sink.collect());
    const { metrics } = await finished([one, two], { parallelism, batchRows: 2 });
    // Null is not the empty text.
    expect(one.rows.map(({ key, n }) => `${key === null ? 'null' : `'${key}'`} ${n}`).sort()).toEqual([
      "'' 1",
      "'a' 2",
      'null 3',
    ]);
    expect(two.rows.map(({ key, part, n }) => `${key} ${part} ${n}`).sort()).toEqual([
      ' null 1',
      'a 1 1',
      'a null 1',
      'null 1 2',
      'null null 1',
    ]);
    expect(metrics.dropped).not.toHaveProperty('nullKey');
  });
});

/** Windows of three seconds every second over one value a second; `batchRows` cuts the rows anywhere. */
async function slidingOver(values: readonly number[], batchRows: number) {
  const rows = values.map((value, second) => ({ at: BigInt(second) * SECOND, value }));
  const out = source
    .rows(rows, { schema: { at: t.timestamp(), value: t.f64() } })
    .watermark('at', { lag: '0s' })
    .window(sliding({ size: '3s', slide: '1s' }))
    .aggregate((f) => ({
      total: sum(f.value),
      mean: avg(f.value),
      low: min(f.value),
      high: max(f.value),
      spread: stddev(f.value),
    }))
    .to(sink.collect());
  await finished(out, { batchRows });
  const starts = out.rows.map(({ window_start }) => Number(window_start / SECOND));
  expect(starts).toEqual(Array.from({ length: values.length + 2 }, (_, index) => index - 2));
  return out.rows.map((row, index) => ({ ...row, values: values.slice(Math.max(index - 2, 0), index + 1) }));
}

describe.each([1, 3, 8192])('in batches of %i, in sliding sums', (batchRows) => {
  // Ordinary values before, between and after those that poison a sum.
  const values = [1, 2, Number.NaN, 4, 5, 6, 7, Infinity, 9, 10, 11, -Infinity, 13, Infinity, 15, 16, 17, 18];

  it('NaN and infinities leave with their rows', async () => {
    const windows = await slidingOver(values, batchRows);
    for (const { total, mean, values: inside } of windows) {
      const expected = inside.reduce((left, right) => left + right, 0);
      expect(total, `sum of ${inside}`).toBe(expected);
      if (!Number.isFinite(expected)) expect(mean, `mean of ${inside}`).toBe(expected);
      else expect(mean, `mean of ${inside}`).toBeCloseTo(expected / inside.length, 12);
    }
    // Both kinds of window are there, or nothing was tested.
    expect(windows.filter(({ total }) => Number.isNaN(total))).toHaveLength(4);
    expect(windows.filter(({ total }) => Number.isFinite(total)).length).toBeGreaterThan(5);
  });

  it('the largest value is NaN and the smallest a number, while NaN is there', async () => {
    for (const { low, high, values: inside } of await slidingOver(values, batchRows)) {
      const numbers = inside.filter((value) => !Number.isNaN(value));
      expect(low, `min of ${inside}`).toBe(numbers.length > 0 ? Math.min(...numbers) : Number.NaN);
      const largest = numbers.length < inside.length ? Number.NaN : Math.max(...inside);
      expect(high, `max of ${inside}`).toBe(largest);
    }
  });

  it('standard deviations come back to numbers', async () => {
    for (const { spread, values: inside } of await slidingOver(values, batchRows)) {
      if (inside.length < 2) expect(spread).toBeNull();
      else if (!inside.every(Number.isFinite)) expect(spread, `stddev of ${inside}`).toBeNaN();
      else {
        const mean = inside.reduce((left, right) => left + right, 0) / inside.length;
        const squares = inside.map((value) => (value - mean) ** 2).reduce((left, right) => left + right, 0);
        expect(spread).toBeCloseTo(Math.sqrt(squares / (inside.length - 1)), 9);
      }
    }
  });

  it('a huge value leaves no rounding error behind', async () => {
    const windows = await slidingOver([0.1, 0.2, 1e300, 0.3, 0.4, 0.5, 0.6], batchRows);
    const total = windows.at(-1);
    expect(windows.map((window) => window.total).slice(5)).toEqual([
      expect.closeTo(1.2, 14),
      expect.closeTo(1.5, 14),
      expect.closeTo(1.1, 14),
      0.6,
    ]);
    expect(total?.total).toBe(0.6);
  });
});

describe('−0 and NaN', () => {
  it('are one key each, whatever their sign and payload, and one distinct value', async () => {
    const nan = new Float64Array(new BigUint64Array([0xfff8_0000_0000_0001n]).buffer)[0] as number;
    const values = [0, -0, Number.NaN, nan, -0, 1];
    const rows = values.map((value, row) => ({ at: BigInt(row), value, one: 1n }));
    const timed = source
      .rows(rows, { schema: { at: t.timestamp(), value: t.f64(), one: t.i64() } })
      .watermark('at', { lag: '0s' });
    const byValue = timed
      .keyBy('value')
      .window(tumbling('1m'))
      .aggregate(() => ({ n: count() }))
      .to(sink.collect());
    const distinct = timed
      .window(tumbling('1m'))
      .aggregate((f) => ({ values: approxDistinct(f.value), low: min(f.value) }))
      .to(sink.collect());
    await finished([byValue, distinct], { parallelism: 4, batchRows: 1 });
    expect(byValue.rows.map(({ value, n }) => `${value + 0} ${n}`).sort()).toEqual(['0 3', '1 1', 'NaN 2']);
    expect(distinct.rows.map((row) => row.values)).toEqual([3n]);
    expect(distinct.rows.map((row) => row.low === 0)).toEqual([true]);
  });
});

describe('a sum of integers beyond 64 bits', () => {
  const rows = (values: readonly bigint[]) => {
    const timed = values.map((value, second) => ({ at: BigInt(second) * SECOND, value }));
    return source
      .rows(timed, { schema: { at: t.timestamp(), value: t.i64() } })
      .watermark('at', { lag: '0s' });
  };

  it.each([
    [LARGEST, 1n],
    [-LARGEST, -2n],
  ])('is HR_OVERFLOW naming operator and line: %i + %i', async (left, right) => {
    const out = rows([left, right])
      .window(tumbling('1m'))
      .aggregate((f) => ({ total: sum(f.value) }))
      .to(sink.collect());
    const error = await failureOf(out);
    expect(error.code).toBe('HR_OVERFLOW');
    expect(error.place?.operator).toBe('window(1m)');
    expect(error.place?.uid).toBeTypeOf('string');
    expect(error.place?.at).toMatch(/values\.test\.ts:\d+/);
    expect(out.rows).toEqual([]);
  });

  it('is no matter while every window fits, in whatever order its rows came', async () => {
    const out = rows([LARGEST, LARGEST, -LARGEST, LARGEST, -LARGEST, 7n])
      .window(sliding({ size: '3s', slide: '3s' }))
      .aggregate((f) => ({ total: sum(f.value), mean: avg(f.value) }))
      .to(sink.collect());
    await finished(out);
    expect(out.rows.map(({ total }) => total)).toEqual([LARGEST, 7n]);
    expect(out.rows.map(({ mean }) => mean)).toEqual([Number(LARGEST) / 3, 7 / 3]);
  });

  it('is no matter for the mean', async () => {
    const out = rows([LARGEST, LARGEST])
      .window(tumbling('1m'))
      .aggregate((f) => ({ mean: avg(f.value) }))
      .to(sink.collect());
    await finished(out);
    expect(out.rows.map(({ mean }) => mean)).toEqual([Number(LARGEST)]);
  });

  it('is no matter over the whole stream, where windows slide', async () => {
    const values = Array.from({ length: 40 }, (_, second) => (second % 3 === 0 ? LARGEST - 1n : 0n));
    const out = rows(values)
      .window(sliding({ size: '3s', slide: '1s' }))
      .aggregate((f) => ({ total: sum(f.value) }))
      .to(sink.collect());
    await finished(out, { batchRows: 7 });
    expect(new Set(out.rows.slice(2, 40).map(({ total }) => total))).toEqual(new Set([LARGEST - 1n]));
  });

  it('in an expression is HR_OVERFLOW naming operator and line', async () => {
    const out = rows([LARGEST])
      .select((f) => ({ more: f.value.plus(1) }))
      .to(sink.collect());
    const error = await failureOf(out);
    expect(error.code).toBe('HR_OVERFLOW');
    expect(error.place?.operator).toBe('select');
    expect(error.place?.at).toMatch(/values\.test\.ts:\d+/);
  });
});

describe('an impossible value in an expression', () => {
  const one = () => source.rows([{ value: 1n, text: 'x' }], { schema: { value: t.i64(), text: t.utf8() } });

  it.each([
    ['HR_DIVISION_BY_ZERO', one().select((f) => ({ result: f.value.dividedBy(0) }))],
    ['HR_CAST_FAILED', one().select((f) => ({ result: f.text.cast(t.i64()) }))],
  ])('is %s, naming operator and line', async (code, stream) => {
    const error = await failureOf(stream.to(sink.collect()));
    expect(error.code).toBe(code);
    expect(error.place?.operator).toBe('select');
    expect(error.place?.at).toMatch(/values\.test\.ts:\d+/);
  });
});
