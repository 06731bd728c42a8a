/** What compiling a plan yields: how the engine will run it. `native.compile` returns this as JSON. */
import type { Field } from './generated.ts';

/** The compiled plan. */
export interface CompiledPlan {
  /** One entry for each node of the plan, in the plan's order. */
  readonly nodes: readonly CompiledNode[];
  /**
   * The chains of operators that run in one thread; a chain's number is its place in this list. Operators that only feed a
   * sort are in no chain: they run within the sort.
   */
  readonly subtasks: readonly CompiledChain[];
  /** How rows pass from chain to chain. */
  readonly exchanges: readonly Exchange[];
  /** Subtasks that read a source, a sort with its source included. */
  readonly sourceSubtasks: number;
  /** All subtasks. */
  readonly totalSubtasks: number;
}

/** What the compiler inferred of a node's output. */
export interface CompiledNode {
  /** The columns of its main output. */
  readonly schema: readonly Field[];
  /** The columns of a window's late rows; null for other operators. */
  readonly lateSchema: readonly Field[] | null;
  /** Whether the rows carry event time. */
  readonly eventTime: boolean;
  /** Whether the stream updates results that it sent earlier. */
  readonly updates: boolean;
}

/** Operators joined without a channel between them. */
export interface CompiledChain {
  readonly name: string;
  /** How many subtasks run the chain. */
  readonly parallelism: number;
  /** The plan's node numbers, in the order of the rows. */
  readonly nodes: readonly number[];
}

/** The way rows take between two chains. */
export interface Exchange {
  /** The sending chain. */
  readonly from: number;
  /** The receiving chain. */
  readonly to: number;
  /** `forward` keeps a subtask's rows together, `hash` sends each row to its key group, `gather` joins all into one. */
  readonly kind: 'forward' | 'hash' | 'gather';
}
