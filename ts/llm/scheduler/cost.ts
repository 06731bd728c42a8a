/** What a run costs: a sum of four parts, fitted to runs that were measured, or guessed from the sizes of the model. */
import { HeadraceError } from '../../errors.ts';
import type { ModelShape } from '../import/shape.ts';
import { leastDeviations } from './least-squares.ts';
import type { RunCost } from './step-plan.ts';

/** Milliseconds, none of them negative. */
export interface CostCoefficients {
  /** Of every run. */
  readonly run: number;
  /** Of every new token, padding included: rows × width. */
  readonly token: number;
  /** Of every position that a new token looks at: rows × width × context. */
  readonly pair: number;
  /** Of every position that is read from the cache: rows × context. */
  readonly read: number;
}

/** A run that was measured. */
export interface CostSample {
  readonly rows: number;
  readonly width: number;
  readonly context: number;
  readonly ms: number;
}

/** The cost of runs with these coefficients. */
export function runCost({ run, token, pair, read }: CostCoefficients): RunCost {
  return (rows, width, context) => run + rows * (width * (token + pair * context) + read * context);
}

/**
 * The coefficients with the least sum of relative deviations from the samples. Absolute ones rather than squares, so
 * that runs during which the machine was busy with something else do not count for more than others. Coefficients that the samples do not tell apart share what they explain in some way.
 * Throws `HR_OPTION_INVALID` without samples, or if one is no finite time above 0. O(samples).
 */
export function fitRunCost(samples: readonly CostSample[]): CostCoefficients {
  if (samples.length === 0 || samples.some(({ ms }) => !(ms > 0 && ms < Number.POSITIVE_INFINITY))) {
    throw new HeadraceError(
      'HR_OPTION_INVALID',
      'A cost is fitted to at least one run, and to times above 0 only.',
    );
  }
  const parts = samples.map(({ rows, width, context }) => {
    return [1, rows * width, rows * width * context, rows * context];
  });
  const fitted = leastDeviations(
    parts,
    samples.map(({ ms }) => ms),
  );
  const [run = 0, token = 0, pair = 0, read = 0] = fitted;
  return { run, token, pair, read };
}

/**
 * What a step is expected to take before one is measured. Multiply-adds are counted from the sizes of the model; the speeds
 * are those of a two-core server, and only their proportions matter to whoever groups rows.
 */
export function costOf(shape: ModelShape): RunCost {
  const { layers, hidden, inner, heads, kvHeads, headSize, vocabulary } = shape;
  const attention = 2 * (heads + kvHeads) * headSize * hidden;
  const linear = layers * (attention + 3 * inner * hidden);
  return runCost({
    run: layers * MS.layer + (vocabulary * hidden + linear) * MS.weight,
    token: linear * MS.multiply,
    pair: layers * 2 * heads * headSize * MS.attend,
    read: layers * 2 * kvHeads * headSize * MS.read,
  });
}

/** Milliseconds of one operation. */
const MS = { layer: 0.2, weight: 3e-8, multiply: 1.3e-8, attend: 1e-8, read: 4.5e-7 };
