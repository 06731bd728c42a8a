/** Least squares, and least deviations by way of them, with few unknowns, none of them negative. */

/** Deviations below this part of a measurement are noise. */
const NOISE = 0.01;
const ROUNDS = 40;

/**
 * The x ≥ 0 with the least Σ |1 − row · x ÷ measured|, nearly: by least squares whose weights are adapted (iteratively
 * reweighted). Each measurement is above 0. O(rows).
 */
export function leastDeviations(rows: readonly (readonly number[])[], measured: readonly number[]): number[] {
  // Every measurement as an equation: the parts, each by what was measured, add up to 1.
  const equations = rows.map((row, at) => row.map((part) => part / (measured[at] as number)));
  let weights = rows.map(() => 1);
  let fitted: number[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    fitted = leastSquares(equations, weights);
    weights = equations.map((row) => 1 / Math.max(NOISE, Math.abs(1 - dot(row, fitted))));
  }
  return fitted;
}

const dot = (a: readonly number[], b: readonly number[]): number =>
  a.reduce((sum, value, at) => sum + value * (b[at] as number), 0);

/**
 * The x ≥ 0 with the least Σ weight · (1 − row · x)². There are so few unknowns that each choice of those that are above 0 is
 * solved by itself, and the best without a negative one is taken; unknowns that improve nothing are 0.
 * O(2^unknowns · rows), or so: for at most half a dozen unknowns.
 */
export function leastSquares(rows: readonly (readonly number[])[], weights: readonly number[]): number[] {
  const unknowns = rows[0]?.length ?? 0;
  const { matrix, right, scales } = normalEquations(rows, weights, unknowns);
  let best = { gain: 0, x: new Array<number>(unknowns).fill(0) };
  for (let choice = 1; choice < 2 ** unknowns; choice++) {
    const used = scales.map((_, at) => at).filter((at) => choice & (1 << at));
    const solved = solve(used.map((a) => [...used.map((b) => matrix[a]?.[b] as number), right[a] as number]));
    if (solved === undefined || solved.some((value) => value < 0)) continue;
    // By so much the sum of squares is less than with x = 0.
    const gain = used.reduce((sum, at, place) => sum + (solved[place] as number) * (right[at] as number), 0);
    if (gain <= best.gain) continue;
    const x = new Array<number>(unknowns).fill(0);
    for (const [place, at] of used.entries()) x[at] = (solved[place] as number) / (scales[at] as number);
    best = { gain, x };
  }
  return best.x;
}

/** The normal equations, with columns scaled to one size; otherwise it could not be seen whether they are singular. */
function normalEquations(
  rows: readonly (readonly number[])[],
  weights: readonly number[],
  unknowns: number,
): { matrix: number[][]; right: number[]; scales: number[] } {
  const columns = Array.from({ length: unknowns }, (_, at) => rows.map((row) => row[at] as number));
  const product = (a: readonly number[], b: readonly number[]) =>
    a.reduce((sum, value, at) => sum + value * (b[at] as number) * (weights[at] as number), 0);
  const scales = columns.map((column) => Math.sqrt(product(column, column)) || 1);
  const scaled = columns.map((column, at) => column.map((value) => value / (scales[at] as number)));
  const ones = rows.map(() => 1);
  return {
    matrix: scaled.map((a) => scaled.map((b) => product(a, b))),
    right: scaled.map((column) => product(column, ones)),
    scales,
  };
}

/** Pivots below this, in columns of size 1, are rounding errors. */
const SINGULAR = 1e-9;

/** Solves linear equations, each with its right side as the last number, by elimination; undefined if they are singular. */
function solve(equations: readonly (readonly number[])[]): number[] | undefined {
  const rows = equations.map((row) => [...row]);
  for (let at = 0; at < rows.length; at++) {
    const pivot = rows
      .slice(at)
      .reduce((a, b) => (Math.abs(b[at] as number) > Math.abs(a[at] as number) ? b : a));
    if (Math.abs(pivot[at] as number) < SINGULAR) return undefined;
    rows.splice(rows.indexOf(pivot), 1);
    rows.splice(at, 0, pivot);
    for (const [other, row] of rows.entries()) {
      if (other === at) continue;
      const factor = (row[at] as number) / (pivot[at] as number);
      for (const [column, value] of pivot.entries()) row[column] = (row[column] as number) - factor * value;
    }
  }
  return rows.map((row, at) => (row.at(-1) as number) / (row[at] as number));
}
