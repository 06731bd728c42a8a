/** What a request may ask for, and the ranges of what it asks. */
import { HeadraceError } from '../../errors.ts';

/** How tokens are chosen, and when to stop. Whatever is not given has the default of {@link DEFAULTS}. */
export interface GenerateOptions {
  /** Tokens to generate at most; as many as the context has room for unless told. */
  readonly maxTokens?: number;
  /** Before so many tokens no end is taken: the end-of-text tokens cannot be drawn, and stop strings do not count. */
  readonly minTokens?: number;
  /** Whether the end-of-text tokens are tokens like others. */
  readonly ignoreEos?: boolean;
  /** Texts that end the answer, which does not contain them. */
  readonly stop?: readonly string[];
  /** Answers to the same prompt. */
  readonly n?: number;
  /** 0 takes the likeliest token; otherwise logits are divided by it. */
  readonly temperature?: number;
  /** Draw from the k likeliest tokens; 0 for all. */
  readonly topK?: number;
  /** Draw from the likeliest tokens that together have this probability. */
  readonly topP?: number;
  /** Draw from tokens that have at least this part of the likeliest one's probability. */
  readonly minP?: number;
  /** Logits of tokens in prompt or answer are divided by it if positive, and multiplied if negative. */
  readonly repetitionPenalty?: number;
  /** Taken from the logits of tokens in the answer. */
  readonly presencePenalty?: number;
  /** Taken from the logits of tokens in the answer once for each time that they occur there. */
  readonly frequencyPenalty?: number;
  /** Added to the logits of these tokens. */
  readonly logitBias?: Readonly<Record<number, number>>;
  /** Equal seeds draw equally. The engine chooses one unless told. */
  readonly seed?: number;
  /** The logarithms of probabilities: of the chosen token, and of so many of the likeliest. None unless told. */
  readonly logprobs?: number;
  /** Higher is earlier, under the policy `priority`. */
  readonly priority?: number;
  /** Requests share cached prefixes only with those of the same salt. */
  readonly cacheSalt?: string;
  /** Ends the request; its tokens end with `HR_CANCELLED`. */
  readonly signal?: AbortSignal;
}

/** What is not given. `maxTokens` has no default of its own, and neither has `seed`. */
export const DEFAULTS = {
  ...{ minTokens: 0, ignoreEos: false, stop: [], n: 1, temperature: 1, topK: 0, topP: 1, minP: 0 },
  ...{ repetitionPenalty: 1, presencePenalty: 0, frequencyPenalty: 0, logitBias: {}, priority: 0 },
} as const satisfies GenerateOptions;

/** A range of numbers; ends belong to it. */
export interface Range {
  readonly from: number;
  readonly to: number;
  readonly whole?: boolean;
}

/** What the numbers of {@link GenerateOptions} may be. */
export const RANGES = {
  maxTokens: { from: 1, to: 131_072, whole: true },
  minTokens: { from: 0, to: 131_072, whole: true },
  n: { from: 1, to: 128, whole: true },
  temperature: { from: 0, to: 2 },
  topK: { from: 0, to: 2 ** 31 - 1, whole: true },
  topP: { from: 1e-9, to: 1 },
  minP: { from: 0, to: 1 },
  repetitionPenalty: { from: 0.01, to: 100 },
  presencePenalty: { from: -2, to: 2 },
  frequencyPenalty: { from: -2, to: 2 },
  seed: { from: Number.MIN_SAFE_INTEGER, to: Number.MAX_SAFE_INTEGER, whole: true },
  logprobs: { from: 0, to: 20, whole: true },
  priority: { from: -(2 ** 31), to: 2 ** 31 - 1, whole: true },
} as const satisfies { readonly [name in keyof GenerateOptions]?: Range };

/** Limits of what is no number. */
export const STOPS_MAX = 16;
export const STOP_LENGTH_MAX = 1_024;
export const BIASES_MAX = 1_024;
export const BIAS_RANGE: Range = { from: -100, to: 100 };
export const SALT_LENGTH_MAX = 1_024;

/** An option that is out of its range, by its name in {@link GenerateOptions}; undefined if all are in theirs. O(their size). */
export function wrongOption(
  options: GenerateOptions,
  vocabulary: number,
): { option: keyof GenerateOptions; what: string } | undefined {
  for (const [name, range] of Object.entries(RANGES) as [keyof typeof RANGES, Range][]) {
    const value = options[name];
    if (value !== undefined && !inside(value, range))
      return { option: name, what: `${value} is ${outside(range)}` };
  }
  const { stop, logitBias, cacheSalt, minTokens = 0, maxTokens = Number.POSITIVE_INFINITY } = options;
  if (minTokens > maxTokens)
    return { option: 'minTokens', what: `${minTokens} is more than the most, ${maxTokens}` };
  if (stop !== undefined) {
    const what = wrongStops(stop);
    if (what !== undefined) return { option: 'stop', what };
  }
  if (logitBias !== undefined) {
    const what = wrongBiases(logitBias, vocabulary);
    if (what !== undefined) return { option: 'logitBias', what };
  }
  if (cacheSalt !== undefined && (typeof cacheSalt !== 'string' || cacheSalt.length > SALT_LENGTH_MAX))
    return { option: 'cacheSalt', what: `it is no text of at most ${SALT_LENGTH_MAX} letters` };
  return undefined;
}

/** Throws `HR_OPTION_INVALID` for an option that is out of its range. */
export function checkOptions(options: GenerateOptions, vocabulary: number): void {
  const wrong = wrongOption(options, vocabulary);
  if (wrong === undefined) return;
  throw new HeadraceError('HR_OPTION_INVALID', `The option ${wrong.option} is not possible: ${wrong.what}.`);
}

function inside(value: number, { from, to, whole }: Range): boolean {
  return typeof value === 'number' && value >= from && value <= to && (!whole || Number.isInteger(value));
}

function outside({ from, to, whole }: Range): string {
  return `no ${whole ? 'whole ' : ''}number from ${from} to ${to}`;
}

function wrongStops(stops: readonly string[]): string | undefined {
  if (!Array.isArray(stops) || stops.length > STOPS_MAX) return `at most ${STOPS_MAX} texts are possible`;
  const sound = (stop: unknown) =>
    typeof stop === 'string' && stop.length > 0 && stop.length <= STOP_LENGTH_MAX;
  return stops.every(sound) ? undefined : `each is a text of 1 to ${STOP_LENGTH_MAX} letters`;
}

function wrongBiases(biases: Readonly<Record<number, number>>, vocabulary: number): string | undefined {
  const entries = Object.entries(biases);
  if (entries.length > BIASES_MAX) return `at most ${BIASES_MAX} are possible`;
  for (const [token, bias] of entries) {
    if (!(/^\d{1,9}$/.test(token) && Number(token) < vocabulary))
      return `there is no token ${token.slice(0, 20)}`;
    if (!inside(bias, BIAS_RANGE)) return `the bias of token ${token} is ${outside(BIAS_RANGE)}`;
  }
  return undefined;
}
