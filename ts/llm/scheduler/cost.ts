import type { ModelShape } from '../import/shape.ts';
import type { RunCost } from './step-plan.ts';
export function costOf(_: ModelShape): RunCost {
  return (rows, width, context) => 5 + rows * width + 0.001 * rows * width * context;
}
