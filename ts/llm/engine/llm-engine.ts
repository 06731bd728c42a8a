/** A language model that answers many requests at a time, in threads of its own. */
import { randomBytes } from 'node:crypto';
import { HeadraceError } from '../../errors.ts';
import { modelCache } from '../import/cache.ts';
import { endUsesOf } from '../import/use.ts';
import type { ChatMessage } from '../tokenizer/chat-template.ts';
import type { EngineOptions, PlainEngineOptions } from './engine-options.ts';
import type { EngineData, EngineInfo, EngineMethods, FromEngine, ToEngine } from './engine-worker.ts';
import type { Generation } from './generation.ts';
import { Generations } from './generations.ts';
import type { EngineMetrics } from './metrics.ts';
import { checkOptions, type GenerateOptions } from './options.ts';
import { resolveOptions } from './request.ts';
import type { TokenizerMethods } from './tokenizer-worker.ts';
import { WorkerPort } from './worker-port.ts';

/**
 * ```ts
 * await using engine = await LlmEngine.load('SmolLM2-135M-Instruct.Q4_1.gguf');
 * for await (const { text } of engine.chat([{ role: 'user', content: 'What is a weir?' }], { maxTokens: 64 })) {
 *   process.stdout.write(text);
 * }
 * ```
 *
 * Equal requests with equal seeds have equal answers, bit for bit, whatever runs beside them.
 */
export class LlmEngine implements AsyncDisposable {
  readonly info: EngineInfo;
  /** Why it takes no requests any more: it was closed, or a thread of it has ended. Pending until then. */
  readonly ended: Promise<HeadraceError>;
  readonly #engine: WorkerPort<EngineMethods, ToEngine, FromEngine>;
  readonly #tokenizer: WorkerPort<TokenizerMethods, never, never>;
  readonly #generations: Generations;
  /** The thread is ended from outside, and so is its use of the model. */
  readonly #endUse: () => void;

  /**
   * Loads a GGUF file; the first time it is converted. Errors are those of `Model.load`, and `HR_OPTION_INVALID` for limits
   * that cannot be; `HR_CANCELLED` when `signal` is aborted.
   */
  static async load(file: string, options: EngineOptions = {}): Promise<LlmEngine> {
    const { onEvent, signal, ...others } = options;
    const plain: PlainEngineOptions = { ...others, events: onEvent !== undefined };
    const generations = new Generations(onEvent);
    const terminate = () => Promise.all([engine.terminate(), tokenizer.terminate()]);
    // One thread without the other is of no use.
    const onEnd = (why: HeadraceError) => {
      generations.close(why);
      void terminate();
    };
    const engine = new WorkerPort<EngineMethods, ToEngine, FromEngine>(
      './engine-worker',
      { file, options: plain } satisfies EngineData,
      { onSaid: (said) => generations.take(said), onEnd },
    );
    const tokenizer = new WorkerPort<TokenizerMethods, never, never>(
      './tokenizer-worker',
      { file },
      { onSaid: () => {}, onEnd },
    );
    const { thread } = engine;
    const endUse = () => endUsesOf(options.cache ?? modelCache(), thread);
    signal?.addEventListener('abort', terminate, { once: true });
    try {
      signal?.throwIfAborted();
      const [ready] = await Promise.all([engine.ready, tokenizer.ready]);
      signal?.throwIfAborted();
      const info = ready as EngineInfo;
      warnOfBits(info);
      return new LlmEngine(info, endUse, engine, tokenizer, generations);
    } catch (error) {
      await terminate();
      endUse();
      if (!signal?.aborted) throw error;
      throw new HeadraceError('HR_CANCELLED', 'Loading the model was given up.', { cause: error });
    } finally {
      signal?.removeEventListener('abort', terminate);
    }
  }

  private constructor(
    info: EngineInfo,
    endUse: () => void,
    engine: WorkerPort<EngineMethods, ToEngine, FromEngine>,
    tokenizer: WorkerPort<TokenizerMethods, never, never>,
    generations: Generations,
  ) {
    this.info = info;
    this.#endUse = endUse;
    this.ended = generations.ended;
    this.#engine = engine;
    this.#tokenizer = tokenizer;
    this.#generations = generations;
    // An engine that has nothing to do does not keep the process alive.
    generations.onBusy = (busy) => {
      engine.keepAlive(busy);
      tokenizer.keepAlive(busy);
    };
    generations.onBusy(false);
  }

  /** Answers a chat, by the template of the model. Throws `HR_OPTION_INVALID` for options out of their range. */
  chat(messages: readonly ChatMessage[], options: GenerateOptions = {}): Generation {
    return this.#generate(options, () => this.encodeChat(messages));
  }

  /** Continues a text, or tokens. Throws `HR_OPTION_INVALID` for options out of their range. */
  complete(prompt: string | ArrayLike<number>, options: GenerateOptions = {}): Generation {
    return this.#generate(options, async () =>
      typeof prompt === 'string' ? this.encode(prompt) : Uint32Array.from(this.#checked(prompt)),
    );
  }

  /** The tokens of a chat, up to where the next answer begins. */
  encodeChat(messages: readonly ChatMessage[]): Promise<Uint32Array> {
    const plain = messages.map(({ role, content }) => ({ role, content }));
    return this.#busy(() => this.#tokenizer.call('encodeChat', plain));
  }

  /** The tokens of a text. */
  encode(text: string): Promise<Uint32Array> {
    return this.#busy(() => this.#tokenizer.call('encode', text));
  }

  /** The text of tokens; control tokens have none. */
  async decode(tokens: ArrayLike<number>): Promise<string> {
    const checked = this.#checked(tokens);
    return this.#busy(() => this.#tokenizer.call('decode', checked));
  }

  /** The logits behind each token from index `from` on, computed from nothing, apart from all requests. */
  logits(tokens: ArrayLike<number>, { from = 0 } = {}): Promise<Float32Array[]> {
    return this.#busy(() => this.#engine.call('logits', Array.from(tokens), from));
  }

  /** How it is doing. */
  metrics(): Promise<EngineMetrics> {
    return this.#busy(() => this.#engine.call('metrics'));
  }

  /** Forgets the keys and values that no running request holds; how many blocks had some. */
  resetPrefixCache(): Promise<number> {
    return this.#busy(() => this.#engine.call('resetPrefixCache'));
  }

  /** Takes no more requests, and resolves when those that it has are answered. Then it can only be closed. */
  drain(): Promise<void> {
    return this.#generations.drain();
  }

  /** Ends all requests, and the threads. */
  async close(): Promise<void> {
    this.#generations.close(new HeadraceError('HR_ENGINE_CLOSED', 'The engine was closed.'));
    await Promise.all([this.#engine.terminate(), this.#tokenizer.terminate()]);
    this.#endUse();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  #generate(options: GenerateOptions, encode: () => Promise<Uint32Array>): Generation {
    const { context, vocabulary } = this.info;
    const asked = copied(options);
    checkOptions(asked, vocabulary);
    const { id, generation } = this.#generations.open(options.signal, (id) =>
      this.#engine.say({ cancel: id }),
    );
    const send = async () => {
      try {
        const prompt = this.#generations.has(id) ? await encode() : undefined;
        if (prompt === undefined || !this.#generations.has(id)) return;
        if (prompt.length === 0) throw new HeadraceError('HR_OPTION_INVALID', 'The prompt has no tokens.');
        const seed = randomBytes(8).readBigUInt64LE();
        this.#engine.say({
          add: { id, prompt, options: resolveOptions(asked, context - prompt.length, seed) },
        });
      } catch (error) {
        this.#generations.fail(id, error as HeadraceError);
      }
    };
    void send();
    return generation;
  }

  #checked(tokens: ArrayLike<number>): number[] {
    const all = Array.from(tokens);
    const { vocabulary } = this.info;
    const wrong = all.find((id) => !(Number.isInteger(id) && id >= 0 && id < vocabulary));
    if (wrong === undefined) return all;
    throw new HeadraceError('HR_OPTION_INVALID', `There is no token ${wrong}; there are ${vocabulary}.`);
  }

  #busy<T>(work: () => Promise<T>): Promise<T> {
    return this.#generations.busyWhile(work);
  }
}

/** Options that stay as they are: the prompt is encoded before they are used. */
function copied({ stop, logitBias, ...others }: GenerateOptions): GenerateOptions {
  return {
    ...others,
    ...(stop === undefined ? {} : { stop: Array.isArray(stop) ? [...stop] : stop }),
    ...(logitBias === undefined ? {} : { logitBias: { ...logitBias } }),
  };
}

/** Models that were warned of. */
const warned = new Set<string>();

function warnOfBits({ model, digest, deterministic, selfTest }: EngineInfo): void {
  if (deterministic !== false || warned.has(digest)) return;
  warned.add(digest);
  process.emitWarning(
    `Equal requests to ${model} may have different answers on this machine, depending on what runs beside them. Different bits had ${selfTest?.differences[0]}.`,
    { type: 'HeadraceWarning', code: 'HR_NOT_DETERMINISTIC' },
  );
}
