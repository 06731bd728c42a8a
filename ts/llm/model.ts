/** A model that has been loaded: its tokenizer, its chat template, and its logits. */
import path from 'node:path';
import { HeadraceError } from '../errors.ts';
import type { EngineTokens } from './engine/engine-tokens.ts';
import { type ImportedModel, type ImportOptions, importModel } from './import/import-model.ts';
import { BLOCK_TOKENS, leastWidth, type ModelShape } from './import/shape.ts';
import { endUse, type Use } from './import/use.ts';
import { type CpuOptions, CpuRunner } from './runner/cpu-runner.ts';
import { free } from './runner/free.ts';
import { remembered } from './runner/remembered.ts';
import type { ModelRunner } from './runner/runner.ts';
import { scatter, slotsOf } from './runner/scatter.ts';
import { type SelfTest, selfTest } from './runner/self-test.ts';
import { ChatTemplate } from './tokenizer/chat-template.ts';
import { Tokenizer } from './tokenizer/tokenizer.ts';

/** How a model is loaded. */
export interface ModelOptions extends ImportOptions, CpuOptions {
  /**
   * Whether it is tried out on this machine if equal requests have equal bits, which takes up to three seconds the first time; yes
   * unless told otherwise.
   */
  readonly selfTest?: boolean;
}

/** Tokens that `logits` computes in one step. */
const CHUNK = 256;

type Parts = Pick<
  Model,
  'name' | 'shape' | 'digest' | 'tokenizer' | 'chatTemplate' | 'runner' | 'selfTest' | 'use'
>;

export class Model implements AsyncDisposable {
  /** Its name in the file, or the name of the file. */
  readonly name: string;
  readonly shape: ModelShape;
  /** The SHA-256 of the model's file. */
  readonly digest: string;
  readonly tokenizer: Tokenizer;
  /** Undefined if the file has none. */
  readonly chatTemplate: ChatTemplate | undefined;
  readonly runner: ModelRunner;
  /** What trying it out has found; undefined if that was not wanted. */
  readonly selfTest: SelfTest | undefined;
  /** Keeps what was made of the file in the cache. */
  readonly use: Use;

  /** Loads a GGUF file; the first time it is converted. Errors are those of `importModel`, and `HR_MODEL_RUNTIME`. */
  static async load(file: string, options: ModelOptions = {}): Promise<Model> {
    const imported = importModel(file, options);
    try {
      return await Model.#of(file, imported, options);
    } catch (error) {
      endUse(imported.use);
      throw error;
    }
  }

  static async #of(file: string, imported: ImportedModel, options: ModelOptions): Promise<Model> {
    const { graph, graphDigest, shape, digest, gguf, use } = imported;
    const tokenizer = new Tokenizer(gguf);
    const chatTemplate = ChatTemplate.of(gguf, tokenizer);
    const runner = await CpuRunner.load(graph, shape, options);
    const circumstances = { graph: graphDigest, runtime: runner.version, threads: options.threads };
    const test = () => selfTest(runner);
    return new Model({
      name: gguf.metadata.text('general.name', undefined) ?? path.basename(file, '.gguf'),
      ...{ shape, digest, tokenizer, chatTemplate, runner, use },
      selfTest:
        options.selfTest === false ? undefined : await remembered(path.dirname(graph), circumstances, test),
    });
  }

  private constructor(parts: Parts) {
    this.name = parts.name;
    this.shape = parts.shape;
    this.digest = parts.digest;
    this.tokenizer = parts.tokenizer;
    this.chatTemplate = parts.chatTemplate;
    this.runner = parts.runner;
    this.selfTest = parts.selfTest;
    this.use = parts.use;
  }

  /** Whether a row was found to have the same bits however it is computed on this machine; undefined if that is not known. */
  get deterministic(): boolean | undefined {
    return this.selfTest?.deterministic;
  }

  /** What an engine must know about its tokens. */
  get engineTokens(): EngineTokens {
    const { tokenizer } = this;
    const { eos, bytes } = tokenizer.vocabulary;
    const ends = new Set(eos === undefined ? [] : [eos]);
    return { ends, bytes, detokenizer: () => tokenizer.detokenizer() };
  }

  /**
   * The logits behind each token from index `from` on, one array of `vocabulary` numbers a token, computed from nothing in a
   * cache of its own. `chunk` tokens are computed at once, which changes no bit of the result. Every array takes
   * 4 · vocabulary bytes; O(tokens²) in time.
   */
  async logits(tokens: ArrayLike<number>, { from = 0, chunk = CHUNK } = {}): Promise<Float32Array[]> {
    const ids = Array.from(tokens);
    this.#check(ids, from, chunk);
    const blocks = Array.from(
      { length: Math.ceil((ids.length + 1) / BLOCK_TOKENS) },
      (_, index) => index + 1,
    );
    const pool = this.runner.pool(blocks.length + 1);
    const found: Float32Array[] = [];
    for (let start = 0; start < ids.length; start += chunk) {
      const count = Math.min(chunk, ids.length - start);
      const width = Math.max(count, leastWidth(this.shape));
      const scored = Array.from({ length: count }, (_, index) => index).filter(
        (index) => start + index >= from,
      );
      const step = {
        ...{ rows: 1, width, logits: scored.length > 0 },
        tokens: BigInt64Array.from({ length: width }, (_, index) => BigInt(ids[start + index] ?? 0)),
        start: BigInt64Array.of(BigInt(start)),
        blocks: BigInt64Array.from(blocks, BigInt),
        score: BigInt64Array.from(scored.flatMap((index) => [0n, BigInt(index)])),
      };
      const { logits, newKv } = await this.runner.run(step, pool);
      const slots = slotsOf(blocks, start, count);
      scatter(pool, this.shape, newKv, { width, counts: [count], slots });
      for (const [at] of scored.entries()) {
        found.push(
          (logits as Float32Array).slice(at * this.shape.vocabulary, (at + 1) * this.shape.vocabulary),
        );
      }
      free(newKv, logits);
    }
    return found;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.runner.release();
    endUse(this.use);
  }

  #check(ids: readonly number[], from: number, chunk: number): void {
    const { vocabulary, context } = this.shape;
    const wrong = ids.find((id) => !Number.isInteger(id) || id < 0 || id >= vocabulary);
    if (wrong !== undefined) throw new HeadraceError('HR_OPTION_INVALID', `There is no token ${wrong}.`);
    if (ids.length === 0 || ids.length > context) {
      throw new HeadraceError(
        'HR_OPTION_INVALID',
        `${ids.length} tokens were given, and 1 to ${context} are possible.`,
      );
    }
    if (!(Number.isInteger(from) && from >= 0 && Number.isInteger(chunk) && chunk > 0)) {
      throw new HeadraceError(
        'HR_OPTION_INVALID',
        '`from` and `chunk` are whole numbers, and `chunk` is at least 1.',
      );
    }
  }
}
