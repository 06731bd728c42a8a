/**
 * Who is let in. A request has its place and its share of tokens from the moment it arrives, before anything is done for it;
 * what is too much is refused at once. It waits until its first token, and is open until its last.
 */
import { ApiError } from './api-error.ts';

export interface AdmissionLimits {
  /** Requests that wait for their first token. */
  readonly queueRequests: number;
  /** Tokens of their prompts. A prompt that is longer is let in when no other waits. */
  readonly queueTokens: number;
  /** Requests of one caller that are open. */
  readonly callerRequests: number;
}

const REJECTIONS = ['queue_requests', 'queue_tokens', 'caller_requests', 'draining'] as const;
/** Why requests were refused. */
export type Rejection = (typeof REJECTIONS)[number];

/** A request that was let in. Every method can be called at any time and more than once. */
export interface Ticket {
  /** Aborted when the server ends requests; its reason is the {@link ApiError} to answer. */
  readonly signal: AbortSignal;
  /** Now it is known how many tokens the prompt has. Throws if they are too many; the ticket still has to leave. */
  correct(tokens: number): void;
  /** It has its first token. */
  started(): void;
  leave(): void;
}

export class Admission {
  readonly rejections = new Map<Rejection, number>(REJECTIONS.map((why) => [why, 0]));
  readonly #limits: AdmissionLimits;
  readonly #retryAfter: () => number;
  readonly #callers = new Map<string, number>();
  readonly #open = new Set<AbortController>();
  #waiting = 0;
  #tokens = 0;
  #draining = false;
  #empty: PromiseWithResolvers<void> | undefined;

  /** `retryAfter`: seconds after which there may be room. */
  constructor(limits: AdmissionLimits, retryAfter: () => number) {
    this.#limits = limits;
    this.#retryAfter = retryAfter;
  }

  get draining(): boolean {
    return this.#draining;
  }

  /** Requests that are open, and those of them that wait for their first token. */
  get open(): number {
    return this.#open.size;
  }

  get waiting(): number {
    return this.#waiting;
  }

  /** Throws an {@link ApiError} of status 429 or 503 for a request that is not let in. */
  enter(caller: string, tokens: number): Ticket {
    const { queueRequests, callerRequests } = this.#limits;
    if (this.#draining) throw this.#refuse('draining', 'The server is shutting down.', 503);
    const ofCaller = this.#callers.get(caller) ?? 0;
    if (ofCaller >= callerRequests) {
      const what = `${callerRequests} requests of this API key are open, and no more are taken.`;
      throw this.#refuse('caller_requests', what, 429);
    }
    if (this.#waiting >= queueRequests) {
      const what = `${queueRequests} requests are waiting, and no more are taken.`;
      throw this.#refuse('queue_requests', what, 503);
    }
    this.#checkTokens(tokens);
    this.#callers.set(caller, ofCaller + 1);
    return this.#ticket(caller, tokens);
  }

  /** Lets nobody in any more; resolves when nobody is left. After `withinMs` those that are left are ended. */
  async drain(withinMs: number): Promise<void> {
    this.#draining = true;
    if (this.#open.size === 0) return;
    this.#empty ??= Promise.withResolvers<void>();
    const shutDown = new ApiError(503, 'The server was shut down before the answer was complete.', {
      code: 'server_is_shutting_down',
    });
    const timer = setTimeout(() => {
      for (const controller of this.#open) controller.abort(shutDown);
    }, withinMs);
    await this.#empty.promise;
    clearTimeout(timer);
  }

  #ticket(caller: string, reserved: number): Ticket {
    const controller = new AbortController();
    this.#open.add(controller);
    let tokens = reserved;
    this.#waiting++;
    this.#tokens += tokens;
    let waits = true;
    const started = () => {
      if (!waits) return;
      waits = false;
      this.#waiting--;
      this.#tokens -= tokens;
    };
    return {
      signal: controller.signal,
      correct: (now) => {
        if (!waits) return;
        this.#tokens -= tokens;
        tokens = 0;
        this.#checkTokens(now);
        tokens = now;
        this.#tokens += tokens;
      },
      started,
      leave: () => {
        started();
        if (!this.#open.delete(controller)) return;
        const left = (this.#callers.get(caller) ?? 1) - 1;
        if (left === 0) this.#callers.delete(caller);
        else this.#callers.set(caller, left);
        if (this.#open.size === 0) this.#empty?.resolve();
      },
    };
  }

  #checkTokens(tokens: number): void {
    const { queueTokens } = this.#limits;
    if (this.#tokens === 0 || this.#tokens + tokens <= queueTokens) return;
    const what = `Prompts of about ${this.#tokens} tokens are waiting, and no more than ${queueTokens} are taken.`;
    throw this.#refuse('queue_tokens', what, 503);
  }

  #refuse(why: Rejection, what: string, status: 429 | 503): ApiError {
    this.rejections.set(why, (this.rejections.get(why) ?? 0) + 1);
    const code = status === 429 ? 'rate_limit_exceeded' : 'server_is_overloaded';
    return new ApiError(status, what, {
      code: why === 'draining' ? 'server_is_shutting_down' : code,
      retryAfter: this.#retryAfter(),
    });
  }
}
