/** Coefficients from samples that were made from known ones. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { tinyModel } from '../../../test/llm/tiny-model.ts';
import { type CostCoefficients, type CostSample, costOf, fitRunCost, runCost } from './cost.ts';
import { leastSquares } from './least-squares.ts';

const TRUE: CostCoefficients = { run: 9, token: 1.4, pair: 0.0005, read: 0.01 };

const SIZES = [1, 2, 4, 8, 16].flatMap((rows) =>
  [1, 4, 16, 64].flatMap((width) => [64, 256, 1024].map((context) => ({ rows, width, context }))),
);

/** Runs that take what the coefficients say, times a factor. */
const samples = (coefficients: CostCoefficients, factor: (at: number) => number): CostSample[] =>
  SIZES.map(({ rows, width, context }, at) => ({
    ...{ rows, width, context },
    ms: runCost(coefficients)(rows, width, context) * factor(at),
  }));

/** How far the costs of all sizes are off, at most. */
const off = (fitted: CostCoefficients, coefficients: CostCoefficients) =>
  Math.max(
    ...SIZES.map(({ rows, width, context }) =>
      Math.abs(runCost(fitted)(rows, width, context) / runCost(coefficients)(rows, width, context) - 1),
    ),
  );

test('coefficients are found again, in spite of noise and of runs that were disturbed', () => {
  expect(off(fitRunCost(samples(TRUE, () => 1)), TRUE)).toBeLessThan(1e-6);
  // Within 2 % either way, and every fifth run takes three times as long.
  const noisy = (at: number) => (at % 5 === 2 ? 3 : 1 + 0.02 * Math.sin(at * 7));
  expect(off(fitRunCost(samples(TRUE, noisy)), TRUE)).toBeLessThan(0.03);
});

test('no coefficient is negative, whatever was measured', () => {
  const times = fc.array(fc.double({ min: 0.01, max: 1000, noNaN: true }), { minLength: 1, maxLength: 60 });
  fc.assert(
    fc.property(times, (times) => {
      const fitted = fitRunCost(times.map((ms, at) => ({ ...(SIZES[at] as (typeof SIZES)[0]), ms })));
      for (const value of Object.values(fitted)) expect(value).toBeGreaterThanOrEqual(0);
      expect(Math.max(...Object.values(fitted))).toBeGreaterThan(0);
    }),
  );
});

test('what cannot be fitted is refused', () => {
  const [sample] = samples(TRUE, () => 1) as [CostSample];
  for (const ms of [0, -1, Number.NaN, Number.POSITIVE_INFINITY])
    expect(() => fitRunCost([sample, { ...sample, ms }])).toThrow(
      expect.objectContaining({ code: 'HR_OPTION_INVALID' }),
    );
  expect(() => fitRunCost([])).toThrow(expect.objectContaining({ code: 'HR_OPTION_INVALID' }));
});

test('least squares cannot be improved by a step in any direction that leaves no number negative', () => {
  const row = fc.array(fc.double({ min: 0, max: 10, noNaN: true }), { minLength: 3, maxLength: 3 });
  const system = fc.array(fc.tuple(row, fc.double({ min: 0.1, max: 3, noNaN: true })), {
    minLength: 1,
    maxLength: 8,
  });
  fc.assert(
    fc.property(system, (system) => {
      const error = (x: readonly number[]) =>
        system.reduce(
          (sum, [row, weight]) =>
            sum + weight * (1 - row.reduce((a, v, at) => a + v * (x[at] as number), 0)) ** 2,
          0,
        );
      const x = leastSquares(
        system.map(([row]) => row),
        system.map(([, weight]) => weight),
      );
      for (const at of [0, 1, 2]) {
        for (const step of [-0.001, 0.001]) {
          const moved = x.with(at, Math.max(0, (x[at] as number) + step));
          expect(error(moved)).toBeGreaterThanOrEqual(error(x) - 1e-7);
        }
      }
    }),
  );
});

test('before anything is measured, more of a model costs more', () => {
  const { shape } = tinyModel();
  const cost = costOf(shape);
  const larger = costOf({ ...shape, layers: 2 * shape.layers });
  for (const [rows, width, context] of [
    [1, 1, 64],
    [8, 16, 512],
  ] as const) {
    expect(larger(rows, width, context)).toBeGreaterThan(cost(rows, width, context));
    expect(cost(rows + 1, width, context)).toBeGreaterThan(cost(rows, width, context));
    expect(cost(rows, width + 1, context)).toBeGreaterThan(cost(rows, width, context));
    expect(cost(rows, width, context + 16)).toBeGreaterThan(cost(rows, width, context));
    // Or nothing would be computed at once.
    expect(cost(2 * rows, width, context)).toBeLessThan(2 * cost(rows, width, context));
  }
});
