import { expect, test } from 'vitest';
import * as exact from './exact.ts';

test('sums and means are exact where a double is not', () => {
  const large = 2n ** 62n;
  expect(exact.sum([large, large, 1n, null])).toBe(2n ** 63n + 1n);
  expect(exact.mean([large, large, -large, -large, 1n])).toBe(0.2);
  expect(exact.mean([null])).toBeNull();
  expect(exact.sum([])).toBeNull();
  expect(exact.count([1n, null, 0n])).toBe(2n);
});

test('order statistics are taken at the rank ⌈q · n⌉', () => {
  const values = [5n, 1n, 4n, 2n, 3n];
  expect(exact.orderStatistic(values, 0)).toBe(1n);
  expect(exact.orderStatistic(values, 0.5)).toBe(3n);
  expect(exact.orderStatistic(values, 0.6)).toBe(3n);
  expect(exact.orderStatistic(values, 0.61)).toBe(4n);
  expect(exact.orderStatistic(values, 1)).toBe(5n);
  expect(exact.orderStatistic([null] as (bigint | null)[], 0.5)).toBeNull();
  expect(exact.min(values)).toBe(1n);
  expect(exact.max([...values, null])).toBe(5n);
});

test('the rank error is 0 between the neighbours of the exact place and grows with the distance', () => {
  const values = Array.from({ length: 100 }, (_, i) => BigInt(i));
  expect(exact.rankError(values, 0.5, 49.5)).toBe(0);
  expect(exact.rankError(values, 0.5, 50)).toBe(0);
  expect(exact.rankError(values, 0.5, 59)).toBeCloseTo(0.08, 10);
  expect(exact.rankError(values, 0.5, 40)).toBeCloseTo(0.08, 10);
  expect(exact.rankError([7n, 7n, 7n], 0.99, 7)).toBe(0);
});

test('frequencies are ordered by count descending, then by value', () => {
  const values = ['b', 'a', 'c', 'b', 'a', null, 'ä', 'Z'];
  expect(exact.topK(values, 3)).toEqual([
    { value: 'a', count: 2n },
    { value: 'b', count: 2n },
    { value: 'Z', count: 1n },
  ]);
  expect(exact.tally(values).at(-1)).toEqual({ value: 'ä', count: 1n });
  expect(exact.distinct(values)).toBe(5n);
});
