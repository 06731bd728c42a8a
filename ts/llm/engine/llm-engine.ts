/** A language model that answers many requests at a time, in threads of its own. */
import { randomBytes } from 'node:crypto';
import { HeadraceError } from '../../errors.ts';
import { endUse, type Use } from '../import/use.ts';
import type { ChatMessage } from '../tokenizer/chat-template.ts';
import type { EngineOptions, PlainEngineOptions } from './engine-options.ts';
import type { EngineOutput } from './engine-output.ts';
import type {
  EngineData,
  EngineInfo,
  EngineMethods,
  EngineReady,
  FromEngine,
  ToEngine,
} from './engine-worker.ts';
import { Generation } from './generation.ts';
import type { EngineMetrics } from './metrics.ts';
import { checkOptions, type GenerateOptions } from './options.ts';
import { resolveOptions } from './request.ts';
import type { TokenizerMethods } from './tokenizer-worker.ts';
import { errorOf, WorkerPort } from './worker-port.ts';

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
  readonly #use: Use;

  /**
   * Loads a GGUF file; the first time it is converted. Errors are those of `Model.load`, and `HR_OPTION_INVALID` for limits
   * that cannot be; `HR_CANCELLED` when `signal` is aborted.
   */
  static async load(file: string, options: EngineOptions = {}): Promise<LlmEngine> {
    const { onEvent, signal, ...others } = options;
    const plain: PlainEngineOptions = { ...others, events: onEvent !== undefined };
    const generations = new Generations(onEvent);
    const engine = new WorkerPort<EngineMethods, ToEngine, FromEngine>(
      './engine-worker',
      { file, options: plain } satisfies EngineData,
      { onSaid: (said) => generations.take(said), onEnd: (why) => generations.close(why) },
    );
    const tokenizer = new WorkerPort<TokenizerMethods, never, never>(
      './tokenizer-worker',
      { file },
      { onSaid: () => {}, onEnd: (why) => generations.close(why) },
    );
    const terminate = () => Promise.all([engine.terminate(), tokenizer.terminate()]);
    signal?.addEventListener('abort', terminate, { once: true });
    try {
      signal?.throwIfAborted();
      const [ready] = await Promise.all([engine.ready, tokenizer.ready]);
      signal?.throwIfAborted();
      const { info, use } = ready as EngineReady;
      warnOfBits(info);
      return new LlmEngine(info, use, engine, tokenizer, generations);
    } catch (error) {
      await terminate();
      if (!signal?.aborted) throw error;
      throw new HeadraceError('HR_CANCELLED', 'Loading the model was given up.', { cause: error });
    } finally {
      signal?.removeEventListener('abort', terminate);
    }
  }

  private constructor(
    info: EngineInfo,
    use: Use,
    engine: WorkerPort<EngineMethods, ToEngine, FromEngine>,
    tokenizer: WorkerPort<TokenizerMethods, never, never>,
    generations: Generations,
  ) {
    this.info = info;
    this.#use = use;
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
    endUse(this.#use);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  #generate(options: GenerateOptions, encode: () => Promise<Uint32Array>): Generation {
    const { context, vocabulary } = this.info;
    checkOptions(options, vocabulary);
    const { id, generation } = this.#generations.open(options.signal, (id) =>
      this.#engine.say({ cancel: id }),
    );
    const send = async () => {
      try {
        const prompt = await encode();
        if (prompt.length === 0) throw new HeadraceError('HR_OPTION_INVALID', 'The prompt has no tokens.');
        if (!this.#generations.has(id)) return;
        const seed = randomBytes(8).readBigUInt64LE();
        this.#engine.say({
          add: { id, prompt, options: resolveOptions(options, context - prompt.length, seed) },
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

/** The requests that are open on this side. */
class Generations {
  onBusy: (busy: boolean) => void = () => {};
  readonly #open = new Map<number, Generation>();
  readonly #onEvent: EngineOptions['onEvent'];
  #last = 0;
  #calls = 0;
  #closed: HeadraceError | undefined;
  readonly #end = Promise.withResolvers<HeadraceError>();
  #drained: PromiseWithResolvers<void> | undefined;

  constructor(onEvent: EngineOptions['onEvent']) {
    this.#onEvent = onEvent;
  }

  get ended(): Promise<HeadraceError> {
    return this.#end.promise;
  }

  has(id: number): boolean {
    return this.#open.has(id);
  }

  open(
    signal: AbortSignal | undefined,
    cancel: (id: number) => void,
  ): { id: number; generation: Generation } {
    if (this.#closed !== undefined) throw this.#closed;
    if (this.#drained !== undefined)
      throw new HeadraceError('HR_ENGINE_CLOSED', 'The engine drains, and takes no more requests.');
    const id = ++this.#last;
    const abort = () => generation.cancel();
    const generation = new Generation(() => {
      cancel(id);
      this.#close(id);
    });
    this.#open.set(id, generation);
    this.#aborts.set(id, () => signal?.removeEventListener('abort', abort));
    this.#tellBusy();
    if (signal?.aborted) abort();
    else signal?.addEventListener('abort', abort, { once: true });
    return { id, generation };
  }

  readonly #aborts = new Map<number, () => void>();

  take({ outputs, events }: FromEngine): void {
    if (this.#onEvent !== undefined) for (const event of events) this.#onEvent(event);
    for (const output of outputs) this.#one(output);
  }

  fail(id: number, error: HeadraceError): void {
    this.#open.get(id)?.finish(error);
    this.#close(id);
  }

  close(why: HeadraceError): void {
    this.#closed ??= why;
    this.#end.resolve(this.#closed);
    for (const id of [...this.#open.keys()]) this.fail(id, this.#closed);
  }

  drain(): Promise<void> {
    this.#drained ??= Promise.withResolvers<void>();
    if (this.#open.size === 0) this.#drained.resolve();
    return this.#drained.promise;
  }

  async busyWhile<T>(work: () => Promise<T>): Promise<T> {
    this.#calls++;
    this.#tellBusy();
    try {
      return await work();
    } finally {
      this.#calls--;
      this.#tellBusy();
    }
  }

  #one(output: EngineOutput): void {
    if (output.kind === 'failed') {
      this.fail(output.request, errorOf(output.error));
      return;
    }
    const generation = this.#open.get(output.request);
    generation?.push(output.tokens, output.usage);
    if (!output.last) return;
    generation?.finish();
    this.#close(output.request);
  }

  #close(id: number): void {
    if (!this.#open.delete(id)) return;
    this.#aborts.get(id)?.();
    this.#aborts.delete(id);
    if (this.#open.size === 0) this.#drained?.resolve();
    this.#tellBusy();
  }

  #tellBusy(): void {
    this.onBusy(this.#open.size > 0 || this.#calls > 0);
  }
}
