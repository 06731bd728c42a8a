/** What the server measures, and how it is published: under the names that vLLM uses, where vLLM has the same thing. */
import type { EngineMetrics } from '../llm/engine/metrics.ts';
import type { GeneratedToken, Usage } from '../llm/engine/token.ts';
import type { Admission } from './admission.ts';
import { type Family, Histogram, type Labels, renderMetrics, SECONDS, TOKENS } from './prometheus.ts';

/** How a request ended that had been let in. */
export type Ending = 'stop' | 'length' | 'abort' | 'error';

export class ServerMetrics {
  readonly #firstToken = new Histogram(
    'vllm:time_to_first_token_seconds',
    'Seconds from the arrival of a request to its first token.',
    SECONDS,
  );
  readonly #nextToken = new Histogram(
    'vllm:inter_token_latency_seconds',
    'Seconds from one token of an answer to the next, as they are handed to the connection.',
    SECONDS,
  );
  readonly #whole = new Histogram(
    'vllm:e2e_request_latency_seconds',
    'Seconds from the arrival of a request to its last token.',
    SECONDS,
  );
  readonly #prompt = new Histogram('vllm:request_prompt_tokens', 'Tokens of the prompts.', TOKENS);
  readonly #generated = new Histogram(
    'vllm:request_generation_tokens',
    'Tokens generated for a request.',
    TOKENS,
  );
  readonly #endings = new Map<Ending, number>();
  #promptTokens = 0;

  /** Seconds that a request takes, by those that have ended: when there may be room again. */
  retryAfter(): number {
    const { sum, count } = this.#whole;
    return Math.min(60, Math.max(1, Math.ceil(sum / Math.max(1, count))));
  }

  /** A request that has just come; times are in milliseconds of `clock`. */
  arrived(clock: () => number = () => performance.now()): RequestTimes {
    const from = clock();
    const last = new Map<number, number>();
    let ended = false;
    let ending: Ending | undefined;
    return {
      token: ({ choice, finish }) => {
        const now = clock();
        if (last.size === 0) this.#firstToken.observe((now - from) / 1000);
        const before = last.get(choice);
        if (before !== undefined) this.#nextToken.observe((now - before) / 1000);
        last.set(choice, now);
        ending ??= finish;
      },
      end: (how, usage) => {
        if (ended) return;
        ended = true;
        const reason = how ?? ending ?? 'abort';
        this.#endings.set(reason, (this.#endings.get(reason) ?? 0) + 1);
        if (last.size === 0 || usage === undefined) return;
        this.#whole.observe((clock() - from) / 1000);
        this.#prompt.observe(usage.promptTokens);
        this.#generated.observe(usage.completionTokens);
        this.#promptTokens += usage.promptTokens;
      },
    };
  }

  /** The page of all metrics. */
  render(engine: EngineMetrics, admission: Admission, labels: Labels, deterministic?: boolean): string {
    const { kv } = engine;
    const one = (name: string, type: Family['type'], help: string, value: number): Family => {
      return { name, type, help, samples: [[{}, value]] };
    };
    const by = (name: string, label: string, help: string, counts: ReadonlyMap<string, number>): Family => {
      return {
        ...{ name, type: 'counter', help },
        samples: [...counts].map(([key, count]) => [{ [label]: key }, count]),
      };
    };
    const families: Family[] = [
      one('vllm:num_requests_running', 'gauge', 'Requests that have been computed on.', engine.running),
      one('vllm:num_requests_waiting', 'gauge', 'Requests that wait for their first run.', engine.waiting),
      one(
        'vllm:kv_cache_usage_perc',
        'gauge',
        'Part of the KV blocks that requests hold, 0 to 1.',
        kv.used / (kv.blocks - 1),
      ),
      one('vllm:prefix_cache_queries_total', 'counter', 'Tokens looked up in the prefix cache.', kv.queries),
      one('vllm:prefix_cache_hits_total', 'counter', 'Tokens found in the prefix cache.', kv.hits),
      one('vllm:num_preemptions_total', 'counter', 'Preemptions.', engine.preemptions),
      one('vllm:prompt_tokens_total', 'counter', 'Tokens of prompts.', this.#promptTokens),
      one('vllm:generation_tokens_total', 'counter', 'Tokens generated.', engine.generated),
      by('vllm:request_success_total', 'finished_reason', 'Requests that ended, by how.', this.#endings),
      by('vllm:admission_rejections_total', 'reason', 'Requests not let in, by why.', admission.rejections),
      one('headrace:queue_requests', 'gauge', 'Requests that wait for their first token.', admission.waiting),
      one(
        'headrace:open_requests',
        'gauge',
        'Requests that have come and are not answered yet.',
        admission.open,
      ),
      one('headrace:kv_blocks', 'gauge', 'Blocks of the KV cache, without the null block.', kv.blocks - 1),
      one('headrace:kv_blocks_free', 'gauge', 'Blocks that no request holds.', kv.free),
      one('headrace:kv_blocks_cached', 'gauge', 'Free blocks that the prefix cache has.', kv.cached),
      one('headrace:kv_evictions_total', 'counter', 'Blocks that the prefix cache lost.', kv.evictions),
      one('headrace:computed_tokens_total', 'counter', 'Tokens computed, padding apart.', kv.computed),
      one('headrace:steps_total', 'counter', 'Steps of the engine.', engine.steps),
      one('headrace:model_seconds_total', 'counter', 'Seconds in the model.', engine.runMs / 1000),
      one(
        'headrace:engine_seconds_total',
        'counter',
        'Seconds of steps outside the model: scheduling, bookkeeping, choosing.',
        engine.ownMs / 1000,
      ),
      ...(deterministic === undefined
        ? []
        : [
            one(
              'headrace:deterministic',
              'gauge',
              '1 if equal requests were found to have equal bits on this machine.',
              Number(deterministic),
            ),
          ]),
    ];
    const histograms = [this.#firstToken, this.#nextToken, this.#whole, this.#prompt, this.#generated];
    return renderMetrics(families, histograms, labels);
  }
}

/** The times of a request. */
export interface RequestTimes {
  token(token: GeneratedToken): void;
  /** Counts once; without `how`, as its last token said. */
  end(how: Ending | undefined, usage: Usage | undefined): void;
}
