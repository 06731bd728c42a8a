/** The processes of the LLM benchmark, started when they are first asked for. */
import { type Peer, startPeer } from '../lib/peer.ts';
import type { Question, Setup, Timed } from './question.ts';
import { asQ40, smollm2 } from './weights.ts';

/** Each side's module, and whether it gets the requantised weights. */
const SIDES = {
  headrace: { module: './headrace.ts', file: smollm2 },
  'llama.cpp Q4_0': { module: './llama-cpp.ts', file: () => asQ40(smollm2()) },
  'llama.cpp Q4_1': { module: './llama-cpp.ts', file: smollm2 },
  bare: { module: './bare.ts', file: smollm2 },
} as const;

export type SideName = keyof typeof SIDES;

export class Sides implements AsyncDisposable {
  readonly #threads: number;
  readonly #started = new Map<SideName, Promise<Peer>>();

  constructor(threads: number) {
    this.#threads = threads;
  }

  /** Asks a side, and checks that every prompt was answered with as many tokens as asked for. */
  async ask(name: SideName, question: Question): Promise<Timed> {
    const timed = await (await this.peer(name)).call<Timed>('answer', question);
    const lengths = timed.answers.map(({ length }) => length);
    if (lengths.length === question.prompts.length && lengths.every((length) => length === question.tokens))
      return timed;
    throw new Error(`${name} answered with ${lengths} tokens, not ${question.tokens}.`);
  }

  peer(name: SideName): Promise<Peer> {
    let started = this.#started.get(name);
    if (started === undefined) {
      started = this.#start(name);
      this.#started.set(name, started);
    }
    return started;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const started of await Promise.allSettled(this.#started.values()))
      if (started.status === 'fulfilled') await started.value[Symbol.asyncDispose]();
  }

  async #start(name: SideName): Promise<Peer> {
    const { module, file } = SIDES[name];
    const cpus = Array.from({ length: this.#threads }, (_, cpu) => cpu).join(',');
    const peer = startPeer(new URL(module, import.meta.url), cpus);
    await peer.call('load', { file: file(), threads: this.#threads } satisfies Setup);
    return peer;
  }
}
