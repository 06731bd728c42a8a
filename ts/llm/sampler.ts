/**
 * Sampling as the engine sees it: rows of a run in, tokens and logprobs out. What is done to a row, and in which order, is said
 * in `crates/sample`, which does it.
 */
import { type BindingSampler, native } from '../binding.ts';
import { fromNative, HeadraceError } from '../errors.ts';

/** How tokens are chosen from one row. */
export interface RowSettings {
  /** 0 takes the likeliest token; otherwise logits are divided by it. */
  readonly temperature: number;
  /** So many of the likeliest tokens are left; 0 for all. */
  readonly topK: number;
  /** The likeliest tokens that together have this probability are left; above 0, up to 1. */
  readonly topP: number;
  /** Tokens with at least this part of the likeliest one's probability are left; 0 to 1. */
  readonly minP: number;
  /** Above 0; 1 for none. For tokens of prompt and answer. */
  readonly repetitionPenalty: number;
  /** 0 for none. For tokens of the answer, as is the next. */
  readonly presencePenalty: number;
  readonly frequencyPenalty: number;
  /** Tokens whose logits get the bias at the same place of `biases`. */
  readonly biased: Uint32Array;
  readonly biases: Float64Array;
  /** Tokens that cannot be chosen. */
  readonly banned: Uint32Array;
  /** 64 bits. Equal seeds, choices and positions are drawn with equal numbers. */
  readonly seed: bigint;
  /** The first choice to draw, and how many: 1 to 65,536. */
  readonly choice: number;
  readonly choices: number;
  /** The place of the token in the answer. */
  readonly position: number;
  /** How many of the likeliest tokens get logprobs besides the chosen; undefined if none are wanted. */
  readonly logprobs: number | undefined;
}

/** A row to sample. */
export interface SampledRow {
  /** Which of the rows of logits it is. */
  readonly row: number;
  /** The tokens of the prompt and of the answer so far; penalties need them. */
  readonly prompt: Uint32Array;
  readonly output: Uint32Array;
  readonly settings: RowSettings;
}

/** What was chosen from a row. */
export interface Sampled {
  /** The token of each choice. */
  readonly tokens: readonly number[];
  /** If wanted: the natural logarithm of each one's probability, before bans, biases, penalties and temperature. */
  readonly logprobs: readonly number[];
  /** If wanted: the likeliest tokens and their logprobs, likeliest first, of equals the lowest. */
  readonly likeliest: readonly { readonly token: number; readonly logprob: number }[];
}

const NUMBERS = 6;
const WORDS = 8;

/** Chooses tokens, and keeps the memory that this takes: up to 32 bytes a token of the vocabulary. For one thread. */
export class Sampler {
  readonly #native: BindingSampler = new native.BindingSampler();

  /**
   * Samples rows of `vocabulary` logits each, in one crossing. A row of which no token can be chosen gets an `HR_MODEL_RUN` in
   * place of its tokens, and the others do not notice. Throws `HR_OPTION_INVALID` for settings out of their range and tokens
   * that do not exist. O(rows × (vocabulary + tokens)).
   */
  sample(logits: Float32Array, vocabulary: number, rows: readonly SampledRow[]): (Sampled | HeadraceError)[] {
    const numbers = new Float64Array(rows.length * NUMBERS);
    const words = new Uint32Array(rows.length * WORDS);
    for (const [at, { row, settings }] of rows.entries()) {
      const { temperature, topP, minP, repetitionPenalty, presencePenalty, frequencyPenalty } = settings;
      const { topK, choice, choices, position, logprobs, seed } = settings;
      const penalties = [repetitionPenalty, presencePenalty, frequencyPenalty];
      numbers.set([temperature, topP, minP, ...penalties], at * NUMBERS);
      const scored = logprobs === undefined ? 0 : logprobs + 1;
      const halves = [Number(seed & 0xffff_ffffn), Number((seed >> 32n) & 0xffff_ffffn)];
      const whole = [row, topK, choice, choices, position, scored, ...halves];
      whole.forEach(checkWord);
      words.set(whole, at * WORDS);
    }
    try {
      const results = this.#native.sample(
        logits,
        vocabulary,
        numbers,
        words,
        rows.map(({ settings }) => settings.biased),
        rows.map(({ settings }) => settings.biases),
        rows.map(({ settings }) => settings.banned),
        rows.map(({ prompt }) => prompt),
        rows.map(({ output }) => output),
      );
      const reader = new Reader(results);
      return rows.map(({ settings }) => reader.row(settings));
    } catch (error) {
      throw fromNative(error);
    }
  }
}

/** Reads what comes back, from front to back. */
class Reader {
  readonly #results: Float64Array;
  #at = 0;

  constructor(results: Float64Array) {
    this.#results = results;
  }

  row({ choices, logprobs: wanted }: RowSettings): Sampled | HeadraceError {
    const status = this.#next();
    if (status !== 0) return unusable(status);
    const tokens = this.#take(choices);
    if (wanted === undefined) return { tokens, logprobs: [], likeliest: [] };
    const logprobs = this.#take(choices);
    const count = this.#next();
    const likeliest = Array.from({ length: count }, () => ({ token: this.#next(), logprob: this.#next() }));
    return { tokens, logprobs, likeliest };
  }

  #next(): number {
    return this.#results[this.#at++] as number;
  }

  #take(count: number): number[] {
    this.#at += count;
    return Array.from(this.#results.subarray(this.#at - count, this.#at));
  }
}

function unusable(status: number): HeadraceError {
  const why = status === 1 ? 'a logit is no finite number' : 'no token has a probability above 0';
  return new HeadraceError('HR_MODEL_RUN', `No token can be chosen: ${why}.`);
}

// The border would silently take -1 for 4,294,967,295 and 1.5 for 1.
function checkWord(value: number): void {
  if (Number.isInteger(value) && value >= 0 && value < 2 ** 32) return;
  throw new HeadraceError('HR_OPTION_INVALID', `A setting is ${value}, which is no whole number of 32 bits.`);
}
