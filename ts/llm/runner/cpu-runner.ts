/** Runs models on the CPU through onnxruntime-node. A step blocks the thread that it runs on. */
import type { InferenceSession, Tensor } from 'onnxruntime-node';
import { native } from '../../binding.ts';
import { HeadraceError } from '../../errors.ts';
import { BLOCK_TOKENS, type ModelShape } from '../import/shape.ts';
import { type LoadedRuntime, loadRuntime, type Runtime } from './load-runtime.ts';
import { NativeGate } from './native-gate.ts';
import type { KvPool, ModelRunner, Step, StepResult } from './runner.ts';

/** How a model is run. */
export interface CpuOptions {
  /** Threads of one step; as many as there are cores unless told otherwise. */
  readonly threads?: number;
  /** Native calls pass through it. @internal */
  readonly gate?: NativeGate;
}

export class CpuRunner implements ModelRunner {
  readonly shape: ModelShape;
  /** The version of the runtime. */
  readonly version: string;
  readonly #runtime: typeof Runtime;
  readonly #session: InferenceSession;
  readonly #gate: NativeGate;

  /** Loads the graph at this path. */
  static async load(graph: string, shape: ModelShape, options: CpuOptions = {}): Promise<CpuRunner> {
    const threads = options.threads === undefined ? {} : { intraOpNumThreads: options.threads };
    const { gate = new NativeGate() } = options;
    const loaded = await gate.pass(() => loadRuntime());
    const before = new native.BindingMappings();
    const session = await gate.pass(() =>
      loaded.runtime.InferenceSession.create(graph, {
        ...threads,
        executionProviders: ['cpu'],
        logSeverityLevel: 3,
      }),
    );
    // Every step reads all of the weights, which the runtime has just put somewhere.
    before.enlargePagesSince();
    return new CpuRunner(loaded, session, shape, gate);
  }

  private constructor(
    { runtime, version }: LoadedRuntime,
    session: InferenceSession,
    shape: ModelShape,
    gate: NativeGate,
  ) {
    this.version = version;
    this.#runtime = runtime;
    this.#session = session;
    this.#gate = gate;
    this.shape = shape;
  }

  pool(blocks: number): KvPool {
    const { layers, kvHeads, headSize } = this.shape;
    const data = new Float32Array(blocks * layers * 2 * kvHeads * BLOCK_TOKENS * headSize);
    native.preferLargePages(data);
    return { blocks, data };
  }

  async run(step: Step, pool: KvPool): Promise<StepResult> {
    check(step, pool, this.shape);
    const wanted = ['token', 'sum', 'new_kv', ...(step.logits ? ['logits'] : [])];
    const results = await this.#gate.pass(() => this.#session.run(this.#inputs(step, pool), wanted));
    return {
      tokens: data(results, 'token') as BigInt64Array,
      sums: data(results, 'sum') as Float32Array,
      logits: step.logits ? (data(results, 'logits') as Float32Array) : undefined,
      newKv: data(results, 'new_kv') as Float32Array,
    };
  }

  async release(): Promise<void> {
    await this.#gate.pass(() => this.#session.release());
  }

  #inputs({ rows, width, tokens, start, blocks, score }: Step, pool: KvPool): Record<string, Tensor> {
    const { Tensor } = this.#runtime;
    const { layers, kvHeads, headSize } = this.shape;
    const places = pool.blocks * layers * 2 * kvHeads;
    return {
      tokens: new Tensor('int64', tokens, [rows, width]),
      start: new Tensor('int64', start, [rows]),
      blocks: new Tensor('int64', blocks, [rows, blocks.length / rows]),
      score: new Tensor('int64', score, [score.length / 2, 2]),
      kv: new Tensor('float32', pool.data, [places, BLOCK_TOKENS, headSize]),
    };
  }
}

function data(results: InferenceSession.ReturnType, name: string): Tensor['data'] {
  return (results[name] as Tensor).data;
}

/** Refuses a step that would read outside its arrays, the vocabulary or the cache. O(tokens + blocks). */
function check({ rows, width, tokens, start, blocks, score }: Step, pool: KvPool, shape: ModelShape): void {
  const perRow = blocks.length / rows;
  const inside = (values: BigInt64Array, limit: number) =>
    values.every((value) => value >= 0n && value < limit);
  const sound =
    tokens.length === rows * width &&
    start.length === rows &&
    Number.isInteger(perRow) &&
    score.length % 2 === 0 &&
    inside(tokens, shape.vocabulary) &&
    inside(start, shape.context) &&
    inside(blocks, pool.blocks) &&
    start.every((position) => Number(position) + width <= perRow * BLOCK_TOKENS) &&
    score.every((value, at) => value >= 0n && value < (at % 2 === 0 ? rows : width));
  if (!sound)
    throw new HeadraceError(
      'HR_OPTION_INVALID',
      'The step names tokens, positions or blocks that do not exist.',
    );
}
