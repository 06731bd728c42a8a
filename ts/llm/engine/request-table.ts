/** The requests that an engine has, their answers, and the sequences that these have in the block manager. */
import { HeadraceError } from '../../errors.ts';
import { type BlockManager, saltOf } from '../block-manager.ts';
import { Answer } from './answer.ts';
import type { EngineTokens } from './engine-tokens.ts';
import type { EngineRequest, NewRequest } from './request.ts';

/** What a request must keep to. */
export interface RequestLimits {
  readonly maxNumSeqs: number;
  readonly maxModelLen: number;
  readonly maxQueue: number;
}

export class RequestTable {
  readonly #blocks: BlockManager;
  readonly #tokens: EngineTokens;
  readonly #salt: string;
  readonly #limits: RequestLimits;
  readonly #requests = new Map<number, EngineRequest>();
  readonly #answers = new Map<number, Answer>();
  #arrivals = 0;
  #waiting = 0;

  constructor(blocks: BlockManager, tokens: EngineTokens, salt: string, limits: RequestLimits) {
    this.#blocks = blocks;
    this.#tokens = tokens;
    this.#salt = salt;
    this.#limits = limits;
  }

  get size(): number {
    return this.#requests.size;
  }

  /** Requests that have never run. */
  get waiting(): number {
    return this.#waiting;
  }

  /** All requests, in the order of arrival. */
  requests(): EngineRequest[] {
    return [...this.#requests.values()];
  }

  /** All answers. */
  answers(): Answer[] {
    return [...this.#answers.values()];
  }

  request(id: number): EngineRequest | undefined {
    return this.#requests.get(id);
  }

  /** The answer with this sequence. */
  answer(sequence: number): Answer | undefined {
    return this.#answers.get(sequence);
  }

  /** Takes a request. Throws `HR_CONTEXT_LENGTH`, `HR_KV_CAPACITY` or `HR_QUEUE_FULL` for one that it does not take. */
  add(added: NewRequest, nowMs: number): void {
    const { id, prompt, options } = added;
    const { maxQueue, maxNumSeqs, maxModelLen } = this.#limits;
    const most = prompt.length + options.maxTokens;
    if (most > maxModelLen) throw tooLong(prompt.length, options.maxTokens, maxModelLen);
    if (options.n > maxNumSeqs) {
      const what = `${options.n} answers were asked for, and ${maxNumSeqs} sequences can run at a time (maxNumSeqs).`;
      throw new HeadraceError('HR_KV_CAPACITY', what);
    }
    if (this.#waiting >= maxQueue) {
      const what = `${maxQueue} requests are waiting, and no more are taken (maxQueue).`;
      throw new HeadraceError('HR_QUEUE_FULL', what);
    }
    const sequence = this.#blocks.open(prompt, most, saltOf(this.#salt, options.cacheSalt));
    const request: EngineRequest = {
      ...added,
      ...{ arrival: ++this.#arrivals, arrivedMs: nowMs, answers: [] },
      ...{ cachedTokens: 0, admittedMs: undefined, completionTokens: 0 },
    };
    this.#requests.set(id, request);
    this.#waiting++;
    this.#put(request, 0, sequence);
  }

  /** Notes that a request has its first blocks, of which `cached` tokens were found. */
  started(request: EngineRequest, cached: number, nowMs: number): void {
    if (request.admittedMs !== undefined) return;
    request.admittedMs = nowMs;
    request.cachedTokens = cached;
    this.#waiting--;
  }

  /** One more answer to the prompt of this one, which is computed, that begins with another token. */
  branch({ request, sequence }: Answer, choice: number, token: number): Answer {
    const { prompt } = request;
    const branch = this.#put(
      request,
      choice,
      this.#blocks.fork(sequence, prompt.length, Uint32Array.of(token)),
    );
    branch.computed = prompt.length;
    return branch;
  }

  /** Frees the blocks of an answer, and forgets it. */
  end({ sequence, request }: Answer): void {
    this.#blocks.close(Uint32Array.of(sequence));
    this.#answers.delete(sequence);
    request.answers.splice(
      request.answers.findIndex((one) => one.sequence === sequence),
      1,
    );
  }

  /** Ends all answers of a request, and forgets it. */
  remove(request: EngineRequest): void {
    for (const answer of [...request.answers]) this.end(answer);
    this.#requests.delete(request.id);
    if (request.admittedMs === undefined) this.#waiting--;
  }

  #put(request: EngineRequest, choice: number, sequence: number): Answer {
    const answer = new Answer(request, choice, sequence, this.#tokens.detokenizer());
    request.answers.push(answer);
    this.#answers.set(sequence, answer);
    return answer;
  }
}

function tooLong(prompt: number, maxTokens: number, most: number): HeadraceError {
  const what = `The prompt has ${prompt} tokens and ${maxTokens} more were asked for, and the context has room for ${most}.`;
  return new HeadraceError('HR_CONTEXT_LENGTH', what, {
    hint: 'Shorten the prompt, or ask for fewer tokens.',
  });
}
