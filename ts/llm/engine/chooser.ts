/** Chooses the next token of answers from what a run computed. */
import type { StepResult } from '../runner/runner.ts';
import type { Answer } from './answer.ts';
import { plainlyGreedy } from './request.ts';
import type { GeneratedToken } from './token.ts';

/** A chosen token, with its probability if that was asked for. */
export interface Chosen {
  readonly token: number;
  readonly scored?: GeneratedToken['scored'];
}

export class Chooser {
  /** Whether the logits of this answer's row are needed: the likeliest token is known without. */
  needsLogits(answer: Answer): boolean {
    return !plainlyGreedy(answer.request.options) || answer.tooShort;
  }

  /** The next token of the answer in this row of the run; for a prompt with several answers that of each. */
  choose(answer: Answer, row: number, result: StepResult): Chosen[] {
    const { options } = answer.request;
    const answers = answer.output.length === 0 && answer.choice === 0 ? options.n : 1;
    return Array.from({ length: answers }, () => ({ token: Number(result.tokens[row]) }));
  }
}
