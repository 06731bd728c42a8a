/** How long requests take and how large they are, as histograms under the names that vLLM uses. */
import type { GeneratedToken, Usage } from '../llm/engine/token.ts';
import { Histogram, SECONDS, TOKENS } from './prometheus.ts';

const ENDINGS = ['stop', 'length', 'abort', 'error'] as const;
/** How a request ended that had been let in. */
export type Ending = (typeof ENDINGS)[number];

/** The times of a request. */
export interface RequestTimes {
  /** It goes to the engine: its prompt has been tokenised. */
  asked(): void;
  /** The prompt counts with the first one. */
  token(token: GeneratedToken, promptTokens: number): void;
  /** Counts once; without `how`, as its last token said. Without `usage` it has no histograms. */
  end(how: Ending | undefined, usage: Usage | undefined): void;
}

const seconds = (name: string, help: string) => new Histogram(`vllm:${name}_seconds`, help, SECONDS);
const tokens = (name: string, help: string) => new Histogram(`vllm:${name}`, help, TOKENS);

export class RequestMetrics {
  readonly #firstToken = seconds(
    'time_to_first_token',
    'Seconds from the arrival of a request to its first token.',
  );
  readonly #nextToken = seconds(
    'inter_token_latency',
    'Seconds from one token of an answer to the next, as they are handed to the connection.',
  );
  readonly #perToken = seconds(
    'request_time_per_output_token',
    'Seconds for each token behind the first, one mean a request.',
  );
  readonly #whole = seconds(
    'e2e_request_latency',
    'Seconds from the arrival of a request to its last token.',
  );
  readonly #queue = seconds(
    'request_queue_time',
    'Seconds that a request waited in the engine for its first run.',
  );
  readonly #prefill = seconds(
    'request_prefill_time',
    'Seconds from the first run of a request to its first token.',
  );
  readonly #decode = seconds('request_decode_time', 'Seconds from the first token of a request to its last.');
  readonly #inference = seconds(
    'request_inference_time',
    'Seconds from the first run of a request to its last token.',
  );
  readonly #prompt = tokens('request_prompt_tokens', 'Tokens of the prompts.');
  readonly #generated = tokens('request_generation_tokens', 'Tokens generated for a request.');
  /** Requests that have ended, by how. */
  readonly endings = new Map<Ending, number>(ENDINGS.map((how) => [how, 0]));
  promptTokens = 0;

  get histograms(): readonly Histogram[] {
    return [
      ...[this.#firstToken, this.#nextToken, this.#perToken, this.#whole, this.#queue],
      ...[this.#prefill, this.#decode, this.#inference, this.#prompt, this.#generated],
    ];
  }

  /** Seconds that a request takes, by those that have ended: when there may be room again. */
  retryAfter(): number {
    const { sum, count } = this.#whole;
    return Math.min(60, Math.max(1, Math.ceil(sum / Math.max(1, count))));
  }

  /** A request that has just come; times are in milliseconds of `clock`. */
  arrived(clock: () => number = () => performance.now()): RequestTimes {
    const from = clock();
    const answers = new Map<number, { lastMs: number; count: number }>();
    let askedMs = from;
    let firstMs = from;
    let ended = false;
    let ending: Ending | undefined;
    return {
      asked: () => {
        askedMs = clock();
      },
      token: ({ choice, finish }, promptTokens) => {
        const now = clock();
        if (answers.size === 0) {
          firstMs = now;
          this.#firstToken.observe((now - from) / 1000);
          this.promptTokens += promptTokens;
        }
        const before = answers.get(choice);
        if (before !== undefined) this.#nextToken.observe((now - before.lastMs) / 1000);
        answers.set(choice, { lastMs: now, count: (before?.count ?? 0) + 1 });
        ending ??= finish;
      },
      end: (how, usage) => {
        if (ended) return;
        ended = true;
        const reason = how ?? ending ?? 'abort';
        this.endings.set(reason, (this.endings.get(reason) ?? 0) + 1);
        if (answers.size === 0 || usage === undefined) return;
        const longest = Math.max(...[...answers.values()].map(({ count }) => count));
        const lastMs = Math.max(...[...answers.values()].map((answer) => answer.lastMs));
        const runMs = Math.min(firstMs, askedMs + usage.queuedMs);
        this.#whole.observe((clock() - from) / 1000);
        this.#queue.observe(usage.queuedMs / 1000);
        this.#prefill.observe((firstMs - runMs) / 1000);
        this.#decode.observe((lastMs - firstMs) / 1000);
        this.#inference.observe((lastMs - runMs) / 1000);
        if (longest > 1) this.#perToken.observe((lastMs - firstMs) / 1000 / (longest - 1));
        this.#prompt.observe(usage.promptTokens);
        this.#generated.observe(usage.completionTokens);
      },
    };
  }
}
