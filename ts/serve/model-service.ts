/** One model behind the endpoints: a request comes in as it was sent, and a response goes out. */
import { createHash, randomUUID } from 'node:crypto';
import type { GeneratedToken } from '../llm/engine/token.ts';
import { abortable } from './abortable.ts';
import { Admission, type Ticket } from './admission.ts';
import { type AnswerHead, type AnswerShape, addToken, type WholeChoice } from './answer-shape.ts';
import { ApiError, apiErrorOf, refused } from './api-error.ts';
import { checkHead, declaredLength, readBody } from './body.ts';
import { ChatAnswer } from './chat-answer.ts';
import { chatMessages } from './chat-messages.ts';
import { CompletionAnswer } from './completion-answer.ts';
import { eventStream } from './event-stream.ts';
import { type GenerateRequest, generateRequest, type Prompt, promptOf } from './generate-request.ts';
import type { Endpoint } from './parameters.ts';
import type { RequestTimes } from './request-metrics.ts';
import type { ServeLimits } from './serve-options.ts';
import type { ServedEngine, ServedGeneration } from './served-engine.ts';
import { ServerMetrics } from './server-metrics.ts';
import { isMissing, type Json, quoted } from './text.ts';

/** Bytes of a body for a token of a prompt, until the prompt has been tokenised. */
const BYTES_PER_TOKEN = 4;

/** A request that has been let in. */
interface Entered {
  readonly request: Request;
  /** The number of the caller's API key. */
  readonly caller: number;
  readonly ticket: Ticket;
  /** Aborted when the caller has gone, and when the server ends requests. */
  readonly signal: AbortSignal;
  readonly times: RequestTimes;
}

/** For a response that goes on: what it calls when nobody reads it any more. */
type Leave = (generation: ServedGeneration) => () => void;

export class ModelService {
  readonly admission: Admission;
  readonly #engine: ServedEngine;
  readonly #limits: ServeLimits;
  readonly #name: string;
  readonly #onFailure: (failure: ApiError) => void;
  readonly #created = Math.floor(Date.now() / 1000);
  readonly #metrics = new ServerMetrics();

  /** `onFailure` is told of what fails behind the first token; what fails before is thrown. */
  constructor(
    engine: ServedEngine,
    name: string | undefined,
    limits: ServeLimits,
    onFailure: (failure: ApiError) => void,
  ) {
    this.#engine = engine;
    this.#limits = limits;
    this.#name = name ?? engine.info.model;
    this.#onFailure = onFailure;
    const { maxQueueRequests, maxQueueTokens, maxRequestsPerKey } = limits;
    this.admission = new Admission(
      { queueRequests: maxQueueRequests, queueTokens: maxQueueTokens, callerRequests: maxRequestsPerKey },
      () => this.#metrics.requests.retryAfter(),
    );
  }

  /** Whatever was thrown, as what is answered. */
  errorOf(error: unknown, param?: string): ApiError {
    return apiErrorOf(error, param, this.#metrics.requests.retryAfter());
  }

  models(): Response {
    return Response.json({ object: 'list', data: [this.#card()] });
  }

  model(id: string): Response {
    this.#checkModel(id);
    return Response.json(this.#card());
  }

  async metrics(): Promise<Response> {
    const { deterministic } = this.#engine.info;
    const labels = { model_name: this.#name };
    const page = this.#metrics.render(await this.#engine.metrics(), this.admission, labels, deterministic);
    return new Response(page, { headers: { 'content-type': 'text/plain; version=0.0.4; charset=utf-8' } });
  }

  tokenize(request: Request, caller: number): Promise<Response> {
    return this.#entered(request, caller, async (entered) => {
      const { model, prompt, messages, ...others } = await this.#body(entered);
      noOthers(others);
      if (!isMissing(model)) this.#checkModel(model);
      if (!isMissing(messages) && !isMissing(prompt))
        throw refused('messages', "'prompt' and 'messages' were given; one of them is possible.");
      const asked: Prompt = isMissing(messages)
        ? promptOf(prompt, this.#engine.info.vocabulary)
        : { param: 'messages', messages: chatMessages(messages) };
      const tokens = await this.#encode(asked, entered);
      return Response.json({
        ...{ count: tokens.length, max_model_len: this.#engine.info.context },
        tokens: [...tokens],
      });
    });
  }

  detokenize(request: Request, caller: number): Promise<Response> {
    return this.#entered(request, caller, async (entered) => {
      const { model, tokens, ...others } = await this.#body(entered);
      noOthers(others);
      if (!isMissing(model)) this.#checkModel(model);
      const asked = promptOf(tokens, this.#engine.info.vocabulary, 'tokens');
      if (!('tokens' in asked)) throw refused('tokens', "'tokens' is a list of tokens.");
      return Response.json({ prompt: await abortable(this.#engine.decode(asked.tokens), entered.signal) });
    });
  }

  /** Answers a chat or continues a text. Whatever fails before the first token has a status of its own. */
  generate(request: Request, caller: number, endpoint: Endpoint): Promise<Response> {
    return this.#entered(request, caller, async (entered, leave) => {
      const asked = generateRequest(await this.#body(entered), endpoint, this.#engine.info.vocabulary);
      this.#checkModel(asked.model);
      this.#checkAnswers(asked.options.n);
      try {
        const generation = await this.#begin(asked, entered);
        const shape = this.#shape(endpoint, asked);
        return asked.stream
          ? await this.#streamed(generation, shape, asked, entered, leave)
          : await this.#whole(generation, shape, asked, entered);
      } catch (error) {
        throw this.#failed(error, asked.prompt.param, entered);
      }
    });
  }

  /**
   * Lets a request in, and out again when it is answered. A response that goes on afterwards takes its leave itself: it calls
   * what `leave` gives it.
   */
  async #entered(
    request: Request,
    caller: number,
    answer: (entered: Entered, leave: Leave) => Promise<Response>,
  ): Promise<Response> {
    const times = this.#metrics.requests.arrived();
    checkHead(request, this.#limits.maxBodyBytes);
    const ticket = this.admission.enter(String(caller), Math.ceil(declaredLength(request) / BYTES_PER_TOKEN));
    const signal = AbortSignal.any([request.signal, ticket.signal]);
    const entered: Entered = { request, caller, ticket, signal, times };
    let stays = false;
    try {
      return await answer(entered, (generation) => {
        stays = true;
        const left = () => {
          generation.cancel();
          ticket.leave();
          times.end(undefined, generation.usage());
          request.signal.removeEventListener('abort', left);
        };
        // Neither a server that ends nor a caller who has gone waits until what was computed has been read: that can take
        // forever. The request is kept with `left`: one that is collected as garbage never tells that it was aborted.
        for (const one of [ticket.signal, request.signal])
          one.addEventListener('abort', left, { once: true });
        return left;
      });
    } catch (error) {
      throw this.#failed(error, undefined, entered);
    } finally {
      if (!stays) ticket.leave();
    }
  }

  async #body({ request, signal, ticket }: Entered): Promise<Json> {
    const { body, bytes } = await abortable(readBody(request, this.#limits.maxBodyBytes), signal);
    ticket.correct(Math.ceil(bytes / BYTES_PER_TOKEN));
    return body;
  }

  async #encode(prompt: Prompt, { signal }: Entered): Promise<Uint32Array> {
    if ('tokens' in prompt) return prompt.tokens;
    const tokens =
      'messages' in prompt ? this.#engine.encodeChat(prompt.messages) : this.#engine.encode(prompt.text);
    try {
      return await abortable(tokens, signal);
    } catch (error) {
      throw signal.aborted ? error : this.errorOf(error, prompt.param);
    }
  }

  async #begin({ prompt, options }: GenerateRequest, entered: Entered): Promise<ServedGeneration> {
    const tokens = await this.#encode(prompt, entered);
    if (tokens.length === 0) throw refused(prompt.param, 'The prompt has no tokens.');
    entered.ticket.correct(tokens.length);
    const { signal, caller, times } = entered;
    times.asked();
    return this.#engine.complete(tokens, { ...options, ...this.#salt(caller, options.cacheSalt), signal });
  }

  /** Callers with different keys share no prefixes: how fast an answer comes would tell what others have asked. */
  #salt(caller: number, salt = ''): { cacheSalt: string } {
    if (this.#limits.apiKeys.length <= 1) return { cacheSalt: salt };
    return { cacheSalt: createHash('sha256').update(`${caller}/${salt}`).digest('hex') };
  }

  async #whole(
    generation: ServedGeneration,
    shape: AnswerShape,
    { options }: GenerateRequest,
    entered: Entered,
  ): Promise<Response> {
    const choices: WholeChoice[] = [];
    for await (const token of this.#timed(generation, entered)) addToken(choices, token);
    entered.times.end(undefined, generation.usage());
    return Response.json(shape.whole(choices, generation.usage(), options.logprobs !== undefined));
  }

  async #streamed(
    generation: ServedGeneration,
    shape: AnswerShape,
    { prompt, includeUsage }: GenerateRequest,
    entered: Entered,
    leave: Leave,
  ): Promise<Response> {
    const tokens = this.#timed(generation, entered);
    const body = eventStream({
      ...{ shape, tokens, first: await tokens.next() },
      usage: includeUsage ? () => generation.usage() : undefined,
      errorOf: (error) => {
        const failure = this.#failed(error, prompt.param, entered);
        this.#onFailure(failure);
        return failure;
      },
      ended: leave(generation),
    });
    return new Response(body, {
      headers: { 'content-type': 'text/event-stream; charset=utf-8', 'cache-control': 'no-cache' },
    });
  }

  /** The tokens of a generation as they are; the first one ends its waiting. */
  async *#timed(
    generation: ServedGeneration,
    { ticket, times }: Entered,
  ): AsyncGenerator<GeneratedToken, undefined> {
    for await (const token of generation) {
      ticket.started();
      times.token(token, generation.usage().promptTokens);
      yield token;
    }
  }

  /** What is answered to a request that failed, or that was ended. */
  #failed(error: unknown, param: string | undefined, { request, signal, ticket, times }: Entered): ApiError {
    const failure = this.errorOf(endedBy(request, ticket) ?? error, param);
    if (signal.aborted) times.end('abort', undefined);
    else if (failure.status >= 500) times.end('error', undefined);
    return failure;
  }

  #shape(endpoint: Endpoint, { includeUsage }: GenerateRequest): AnswerShape {
    const { digest, deterministic } = this.#engine.info;
    const id = randomUUID().replaceAll('-', '');
    const mark = deterministic === undefined ? '' : deterministic ? '_deterministic' : '_nondeterministic';
    const head = (prefix: string): AnswerHead => ({
      ...{ id: `${prefix}-${id}`, created: Math.floor(Date.now() / 1000), model: this.#name },
      system_fingerprint: `fp_${digest.slice(0, 12)}${mark}`,
    });
    return endpoint === 'chat'
      ? new ChatAnswer(head('chatcmpl'), includeUsage)
      : new CompletionAnswer(head('cmpl'), includeUsage);
  }

  #checkModel(id: unknown): void {
    if (id === this.#name) return;
    throw new ApiError(404, `There is no model ${quoted(id)}; there is '${this.#name}'.`, {
      ...{ param: 'model', code: 'model_not_found' },
    });
  }

  #checkAnswers(n = 1): void {
    const { maxNumSeqs } = this.#engine.info;
    if (n > maxNumSeqs)
      throw refused('n', `${n} answers were asked for, and ${maxNumSeqs} sequences run at a time.`);
  }

  #card(): object {
    const { context, deterministic } = this.#engine.info;
    return {
      ...{ id: this.#name, object: 'model', created: this.#created, owned_by: 'headrace' },
      ...{ max_model_len: context, deterministic: deterministic ?? null },
    };
  }
}

function noOthers(others: Json): void {
  const [name] = Object.keys(others);
  if (name === undefined) return;
  throw refused(name.slice(0, 100), `There is no parameter ${quoted(name)}.`, 'unknown_parameter');
}

/** Why a request was ended, if the server did it or the caller has gone. */
function endedBy(request: Request, ticket: Ticket): ApiError | undefined {
  if (ticket.signal.aborted) return ticket.signal.reason;
  if (!request.signal.aborted) return undefined;
  return new ApiError(499, 'The request was given up.', { code: 'client_closed_request' });
}
