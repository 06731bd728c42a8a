/** What building and explaining a pipeline ask of the native library. */
import { native } from '../binding.ts';
import { fromNative } from '../errors.ts';
import type { CompiledPlan } from '../plan/compiled.ts';
import type { Field, JobOptions, Plan } from '../plan/generated.ts';

/** The columns of a Parquet file. Throws what the library reports: `HR_NOT_FOUND`, `HR_DATA_CORRUPT` and the like. */
export function fileFields(path: string): Field[] {
  return answer(() => native.parquetSchema(path)) as Field[];
}

/** Checks and compiles a plan. Throws what the library reports, naming the operator and the user's line. */
export function compilePlan(plan: Plan, options: Partial<JobOptions>): CompiledPlan {
  return answer(() => native.compile(JSON.stringify(plan), JSON.stringify(options))) as CompiledPlan;
}

function answer(ask: () => string): unknown {
  try {
    return JSON.parse(ask());
  } catch (error) {
    throw fromNative(error);
  }
}
