/** What the server measures, and how it is published: under the names that vLLM uses, where vLLM has the same thing. */
import type { EngineMetrics } from '../llm/engine/metrics.ts';
import type { Admission } from './admission.ts';
import { type Family, type Labels, renderMetrics } from './prometheus.ts';
import { RequestMetrics } from './request-metrics.ts';

export class ServerMetrics {
  readonly requests = new RequestMetrics();

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
      one('vllm:prompt_tokens_total', 'counter', 'Tokens of prompts.', this.requests.promptTokens),
      one('vllm:generation_tokens_total', 'counter', 'Tokens generated.', engine.generated),
      by(
        'vllm:request_success_total',
        'finished_reason',
        'Requests that ended, by how.',
        this.requests.endings,
      ),
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
      one(
        'headrace:failed_runs_total',
        'counter',
        'Runs of the model that failed as a whole; where they had several rows, each was tried alone.',
        engine.failedRuns,
      ),
      one('headrace:model_seconds_total', 'counter', 'Seconds in the model.', engine.runMs / 1000),
      one(
        'headrace:engine_seconds_total',
        'counter',
        'Seconds of steps outside the model: scheduling, bookkeeping, choosing.',
        engine.ownMs / 1000,
      ),
      one(
        'headrace:engine_time_ratio',
        'gauge',
        'Part of the time of all steps that is outside the model, 0 to 1; 0 before the first.',
        // Before the first step both are 0.
        engine.ownMs / (engine.ownMs + engine.runMs || 1),
      ),
      one(
        'headrace:scheduling_seconds_total',
        'counter',
        'Of those, seconds in the scheduler, the block manager and the sampler.',
        engine.schedulingMs / 1000,
      ),
      one(
        'headrace:scheduling_time_ratio',
        'gauge',
        'Part of the time of all steps in the scheduler, the block manager and the sampler, 0 to 1; 0 before the first.',
        engine.schedulingMs / (engine.ownMs + engine.runMs || 1),
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
    return renderMetrics(families, this.requests.histograms, labels);
  }
}
