/** An engine's core over a small model, step by step, with what it says kept. */
import { EngineCore } from '../../ts/llm/engine/core.ts';
import type { CoreLimits, CoreParts } from '../../ts/llm/engine/core-parts.ts';
import type { EngineEvent } from '../../ts/llm/engine/engine-event.ts';
import type { EngineOutput } from '../../ts/llm/engine/engine-output.ts';
import type { GenerateOptions } from '../../ts/llm/engine/options.ts';
import { resolveOptions } from '../../ts/llm/engine/request.ts';
import type { GeneratedToken } from '../../ts/llm/engine/token.ts';
import type { Model } from '../../ts/llm/model.ts';

const LIMITS: CoreLimits = {
  ...{ kvBlocks: 65, watermark: 1, maxNumSeqs: 16, maxNumBatchedTokens: 64, maxModelLen: 256, maxQueue: 64 },
  ...{ maxChunkTokens: 1_024, maxRunCells: 2 ** 22, prefixCache: true, policy: 'fcfs' },
};

export interface CoreHarness {
  readonly core: EngineCore;
  readonly events: readonly EngineEvent[];
  /** Hands in a request; its number. */
  add(prompt: readonly number[], options: GenerateOptions): number;
  /** Steps until nothing is left. */
  finish(): Promise<void>;
  /** What a request has yielded. */
  tokens(request: number): GeneratedToken[];
  /** The code of the error that ended a request. */
  failure(request: number): string | undefined;
}

/** An engine over `model`, with these parts and limits in place of the usual ones. */
export function coreHarness(
  model: Model,
  limits: Partial<CoreLimits> = {},
  parts: Partial<CoreParts> = {},
): CoreHarness {
  const said = new Map<number, EngineOutput[]>();
  const events: EngineEvent[] = [];
  const core = new EngineCore(
    {
      runner: model.runner,
      tokens: model.engineTokens,
      salt: model.digest,
      clock: () => performance.now(),
      emit(outputs) {
        for (const output of outputs) said.set(output.request, [...(said.get(output.request) ?? []), output]);
      },
      log: (event) => events.push(event),
      ...parts,
    },
    { ...LIMITS, ...limits },
  );
  let ids = 0;
  return {
    core,
    events,
    add(prompt, options) {
      const id = ++ids;
      const room = (limits.maxModelLen ?? LIMITS.maxModelLen) - prompt.length;
      core.add({ id, prompt: Uint32Array.from(prompt), options: resolveOptions(options, room, 1n) });
      return id;
    },
    async finish() {
      while (!core.idle) await core.step();
    },
    tokens: (request) =>
      (said.get(request) ?? []).flatMap((output) => (output.kind === 'tokens' ? output.tokens : [])),
    failure: (request) =>
      (said.get(request) ?? []).flatMap((output) => (output.kind === 'failed' ? [output.error.code] : []))[0],
  };
}
