/**
 * What an engine decides, in order. The same requests at the same points of the log give the same log, times (`ms`, `ownMs`)
 * apart: with it, a run can be looked at and repeated.
 */
export type EngineEvent =
  | { readonly kind: 'arrive'; readonly request: number; readonly prompt: number; readonly maxTokens: number }
  /** A step: for each run the rows, as pairs of a sequence and how many tokens it computes. */
  | {
      readonly kind: 'plan';
      readonly runs: readonly (readonly (readonly [sequence: number, count: number])[])[];
    }
  /** A sequence gets its first blocks, or its first since it was preempted; so many tokens were found. */
  | {
      readonly kind: 'admit';
      readonly request: number;
      readonly choice: number;
      readonly sequence: number;
      readonly cached: number;
    }
  /** A prompt is computed, and one more answer begins behind it, with the prompt's blocks. */
  | {
      readonly kind: 'branch';
      readonly request: number;
      readonly choice: number;
      readonly sequence: number;
    }
  | {
      readonly kind: 'run';
      readonly rows: number;
      readonly width: number;
      readonly blocks: number;
      readonly ms: number;
    }
  /** A run of these sequences failed as a whole, for this reason: each is tried alone, or fails if it was alone. */
  | { readonly kind: 'isolate'; readonly sequences: readonly number[]; readonly why: string }
  /** A step is done; so long it took besides its runs. */
  | { readonly kind: 'step'; readonly ownMs: number }
  | { readonly kind: 'preempt'; readonly request: number; readonly choice: number }
  | { readonly kind: 'finish' | 'cancel' | 'fail'; readonly request: number }
  /** The contents of so many blocks that nobody held were forgotten, as the caller asked for. */
  | { readonly kind: 'reset'; readonly blocks: number };
