/** Chooses the next tokens of answers from what a run computed. */
import { HeadraceError } from '../../errors.ts';
import type { StepResult } from '../runner/runner.ts';
import { type RowSettings, type Sampled, type SampledRow, Sampler } from '../sampler.ts';
import type { Answer } from './answer.ts';
import type { EngineTokens } from './engine-tokens.ts';
import { type EngineRequest, plainlyGreedy } from './request.ts';
import type { GeneratedToken, ScoredToken } from './token.ts';

/** A chosen token, with its probability if that was asked for. */
export interface Chosen {
  readonly token: number;
  readonly scored?: GeneratedToken['scored'];
}

/** What stays the same for all tokens of a request. */
type Fixed = Omit<RowSettings, 'banned' | 'choice' | 'choices' | 'position'>;

const NONE = new Uint32Array();

export class Chooser {
  /** Made when a row needs it: many engines only ever take the likeliest. */
  #sampler: Sampler | undefined;
  readonly #tokens: Pick<EngineTokens, 'ends' | 'bytes'>;
  readonly #ends: Uint32Array;
  readonly #vocabulary: number;
  readonly #fixed = new WeakMap<EngineRequest, Fixed>();

  constructor(tokens: Pick<EngineTokens, 'ends' | 'bytes'>, vocabulary: number) {
    this.#tokens = tokens;
    this.#ends = Uint32Array.from(tokens.ends);
    this.#vocabulary = vocabulary;
  }

  /** Whether the logits of this answer's row are needed: the likeliest token is known without. */
  needsLogits(answer: Answer): boolean {
    return !plainlyGreedy(answer.request.options) || answer.tooShort;
  }

  /**
   * The next tokens of the answers in these rows of the run: one, or that of each answer to a prompt that is begun now. A row of
   * which no token can be chosen has an error instead. All rows that need logits are sampled together.
   */
  choose(
    rows: ReadonlyMap<number, Answer>,
    result: StepResult,
  ): Map<number, readonly Chosen[] | HeadraceError> {
    const chosen = new Map<number, readonly Chosen[] | HeadraceError>();
    const sampled: SampledRow[] = [];
    for (const [row, answer] of rows) {
      if (this.needsLogits(answer)) sampled.push(this.#row(row, answer));
      else chosen.set(row, Array(choicesOf(answer)).fill({ token: Number(result.tokens[row]) }));
    }
    if (sampled.length === 0) return chosen;
    if (result.logits === undefined)
      throw new HeadraceError('HR_INTERNAL', 'A run was asked for logits, and has none.');
    this.#sampler ??= new Sampler();
    const results = this.#sampler.sample(result.logits, this.#vocabulary, sampled);
    for (const [at, { row, settings }] of sampled.entries()) {
      const one = results[at] as Sampled | HeadraceError;
      chosen.set(row, one instanceof HeadraceError ? one : this.#named(one, settings));
    }
    return chosen;
  }

  #row(row: number, answer: Answer): SampledRow {
    const { request, choice, output } = answer;
    const { repetitionPenalty, presencePenalty, frequencyPenalty } = request.options;
    const penalised = repetitionPenalty !== 1 || presencePenalty !== 0 || frequencyPenalty !== 0;
    return {
      row,
      prompt: repetitionPenalty === 1 ? NONE : request.prompt,
      output: penalised ? Uint32Array.from(output) : NONE,
      settings: {
        ...this.#fixedOf(request),
        banned: answer.tooShort ? this.#ends : NONE,
        choice,
        choices: choicesOf(answer),
        position: output.length,
      },
    };
  }

  #fixedOf(request: EngineRequest): Fixed {
    const known = this.#fixed.get(request);
    if (known !== undefined) return known;
    const { logitBias, ...options } = request.options;
    const fixed = {
      ...options,
      biased: Uint32Array.from(Object.keys(logitBias), Number),
      biases: Float64Array.from(Object.values(logitBias)),
    };
    this.#fixed.set(request, fixed);
    return fixed;
  }

  #named({ tokens, logprobs, likeliest }: Sampled, settings: RowSettings): Chosen[] {
    if (settings.logprobs === undefined) return tokens.map((token) => ({ token }));
    const named = likeliest.map(({ token, logprob }) => this.#scored(token, logprob));
    return tokens.map((token, choice) => ({
      token,
      scored: { ...this.#scored(token, logprobs[choice] as number), likeliest: named },
    }));
  }

  #scored(token: number, logprob: number): ScoredToken {
    return { token, bytes: this.#tokens.bytes[token] as Uint8Array, logprob };
  }
}

/** How many tokens are drawn from the answer's row: the first of each of the request's answers, or the next of this one. */
function choicesOf({ request, choice, output }: Answer): number {
  return output.length === 0 && choice === 0 ? request.options.n : 1;
}
