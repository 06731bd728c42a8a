/** The thread on which an engine runs its steps: it holds the model, the KV cache and the scheduler. */

import { setImmediate as turn } from 'node:timers/promises';
import { Model } from '../model.ts';
import type { NativeGate } from '../runner/native-gate.ts';
import type { SelfTest } from '../runner/self-test.ts';
import { EngineCore } from './core.ts';
import type { EngineEvent } from './engine-event.ts';
import { limitsOf, type PlainEngineOptions } from './engine-options.ts';
import type { EngineOutput } from './engine-output.ts';
import { metricsOf } from './metrics.ts';
import type { NewRequest } from './request.ts';
import { dataOf, errorOf, sayToCaller, serveCalls } from './worker-port.ts';

/** What the thread is started with. */
export interface EngineData {
  readonly file: string;
  readonly options: PlainEngineOptions;
}

/** What the caller says. */
export type ToEngine = { readonly add: NewRequest } | { readonly cancel: number };

/** What the engine says. */
export type FromEngine = {
  readonly outputs: readonly EngineOutput[];
  readonly events: readonly EngineEvent[];
};

/** A loaded model and the limits within which it serves. */
export interface EngineInfo {
  /** The model's name in its file, or the name of the file. */
  readonly model: string;
  /** The SHA-256 of the file. */
  readonly digest: string;
  readonly vocabulary: number;
  /** Tokens of a prompt and its answer together. */
  readonly context: number;
  readonly kvBlocks: number;
  readonly maxNumSeqs: number;
  readonly maxNumBatchedTokens: number;
  readonly maxQueue: number;
  /** Whether equal requests were found to have equal bits on this machine; undefined if that was not tried. */
  readonly deterministic?: boolean;
  /** What trying it out has found. */
  readonly selfTest?: SelfTest;
}

async function start({ file, options }: EngineData, gate: NativeGate) {
  const model = await Model.load(file, { ...options, gate });
  const limits = limitsOf(options, model.shape);
  let events: EngineEvent[] = [];
  const say = (outputs: readonly EngineOutput[]) => {
    if (outputs.length === 0 && events.length === 0) return;
    sayToCaller({ outputs, events } satisfies FromEngine);
    events = [];
  };
  const core = new EngineCore(
    {
      runner: model.runner,
      tokens: model.engineTokens,
      salt: model.digest,
      clock: () => performance.now(),
      emit: say,
      log: options.events ? (event) => void events.push(event) : undefined,
    },
    limits,
  );
  let stepping = false;
  const run = async () => {
    if (stepping) return;
    stepping = true;
    try {
      while (!core.idle) {
        // What has come while the model ran is taken first, and is planned with the others.
        await turn();
        await core.step();
      }
    } catch (error) {
      core.failAll(errorOf(dataOf(error)));
    } finally {
      stepping = false;
      say([]);
    }
    await prepare();
  };
  const prepare = async () => {
    while (core.idle && core.findMemory()) await turn();
  };
  const add = (request: NewRequest) => {
    try {
      core.add(request);
      void run();
    } catch (error) {
      say([{ kind: 'failed', request: request.id, error: dataOf(error) }]);
    }
  };
  const { selfTest } = model;
  const info: EngineInfo = {
    ...{ model: model.name, digest: model.digest, vocabulary: model.shape.vocabulary },
    ...{ context: limits.maxModelLen, kvBlocks: limits.kvBlocks, maxNumSeqs: limits.maxNumSeqs },
    ...{ maxNumBatchedTokens: limits.maxNumBatchedTokens, maxQueue: limits.maxQueue },
    ...(selfTest === undefined ? {} : { selfTest }),
    ...(selfTest?.deterministic === undefined ? {} : { deterministic: selfTest.deterministic }),
  };
  const methods = {
    metrics: () => metricsOf(core),
    logits: (tokens: number[], from: number) => model.logits(tokens, { from }),
    async resetPrefixCache() {
      const blocks = await core.resetPrefixCache();
      say([]);
      return blocks;
    },
  };
  void prepare();
  const onSaid = (said: ToEngine) => ('add' in said ? add(said.add) : core.cancel(said.cancel));
  return { ready: info, methods, onSaid };
}

/** What the engine can be asked. */
export type EngineMethods = Awaited<ReturnType<typeof start>>['methods'];

await serveCalls(start);
