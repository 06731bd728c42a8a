/** What the scheduler knows, and what it decides. Plain data: a plan depends on nothing else. */

/** A sequence as the scheduler sees it. */
export interface SequenceView {
  /** Its number in the block manager. */
  readonly sequence: number;
  /** Place in the order of arrival of its request; unique for each request. */
  readonly arrival: number;
  /** Higher is more urgent. */
  readonly priority: number;
  /** Tokens that are known: the prompt, and what was generated. */
  readonly known: number;
  /** Of those, tokens in the KV cache; for a sequence without blocks, those that the prefix index has. Fewer than `known`. */
  readonly computed: number;
  /** Blocks that it holds; 0 for one that waits, or was preempted. */
  readonly held: number;
  /** Blocks in the prefix index that it would take hold of, and that are free now. */
  readonly idle: number;
  /** The sequence that computes the block which this one needs next; 0 for none, and for one with blocks and a token left. */
  readonly leader: number;
  /** Sequences that it becomes once its prompt is computed: the n of its request, 1 afterwards. */
  readonly choices: number;
}

export interface SchedulerState {
  /** Sequences of requests that have never run. */
  readonly waiting: readonly SequenceView[];
  /** Sequences of requests that have; those with `held` 0 were preempted. */
  readonly started: readonly SequenceView[];
  /** Blocks that nobody holds. */
  readonly free: number;
}

export interface SchedulerLimits {
  /** Sequences that may have started and not ended; a request counts with all its answers. */
  readonly maxNumSeqs: number;
  /** New tokens of all rows of a step. */
  readonly maxNumBatchedTokens: number;
  readonly blockTokens: number;
  /** Blocks that stay free when a sequence without blocks is given some while others have some. */
  readonly watermark: number;
  /** Most tokens of a prompt that a step computes; a longer one is cut into chunks of about the same size. */
  readonly maxChunkTokens: number;
  /** Most rows × width × context tokens of one run: what bounds its memory. */
  readonly maxRunCells: number;
}

/** A row of a run: the next `count` tokens of a sequence. */
export interface PlannedRow {
  readonly sequence: number;
  readonly count: number;
}

/** Rows that are computed at once. */
export type PlannedRun = readonly PlannedRow[];

/** Runs in the order in which they are computed. */
export interface StepPlan {
  readonly runs: readonly PlannedRun[];
}

/** Milliseconds of a run of `rows` rows, each padded to `width` new tokens and `context` tokens in all. */
export type RunCost = (rows: number, width: number, context: number) => number;

/** In which order sequences are served; negative if `a` comes first. */
export type Policy = (a: SequenceView, b: SequenceView) => number;
