import { expect, test } from 'vitest';
import { latenciesOf, quantiles } from './latencies.ts';

test('latencies of requests are those of their tokens', () => {
  const latencies = latenciesOf([
    { arrivedMs: 10, tokensMs: [40, 50, 70] },
    { arrivedMs: 20, tokensMs: [25] },
    { arrivedMs: 30, tokensMs: [90, 92] },
    { arrivedMs: 30, tokensMs: [31], error: 'HR_CANCELLED' },
  ]);
  expect(latencies).toMatchObject({ answered: 3, failed: 1 });
  expect(latencies.ttft).toEqual({ p50: 30, p95: 60, p99: 60 });
  expect(latencies.tpot).toEqual({ p50: 2, p95: 15, p99: 15 });
  expect(latencies.e2e).toEqual({ p50: 60, p95: 62, p99: 62 });
  expect(latenciesOf([]).e2e.p50).toBeNaN();
});

test('quantiles are values below or at which so large a part lies', () => {
  const values = Array.from({ length: 200 }, (_, at) => ((at * 77) % 200) + 1);
  expect(quantiles(values)).toEqual({ p50: 100, p95: 190, p99: 198 });
});
