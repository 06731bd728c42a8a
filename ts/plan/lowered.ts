/** What lowering yields: the plan, and beside it what JavaScript alone can hold. */
import type { Host, HostTable } from '../control/hosts.ts';
import type { CompiledPlan } from './compiled.ts';
import type { Plan } from './generated.ts';

/** A lowered pipeline. The plan is plain data; the hosts are what it refers to by number. */
export interface Lowered {
  readonly plan: Plan;
  /** Rows in memory; the place in the list is the `table` of the plan's `tableSource`. */
  readonly tables: readonly HostTable[];
  /**
   * Functions, iterables and consumers; the place in the list is the `host` of the plan's node. They need the columns
   * that the compiler inferred, so they are bound after `native.compile(JSON.stringify(plan), options)`.
   */
  bind(compiled: CompiledPlan): readonly Host[];
}
