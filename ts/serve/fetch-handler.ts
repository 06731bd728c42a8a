/** The OpenAI API over an engine as a web-standard handler: a `Request` comes in, a `Response` goes out. */
import { randomUUID } from 'node:crypto';
import { ApiError, apiErrorOf } from './api-error.ts';
import { ApiKeys } from './api-keys.ts';
import { API_ERRORS } from './error-codes.ts';
import { checkLocal } from './exposure.ts';
import { ModelService } from './model-service.ts';
import { limitsOf, type ServeOptions } from './serve-options.ts';
import type { ServedEngine } from './served-engine.ts';

/** Can be mounted in any server that speaks the web's `Request` and `Response`. */
export interface FetchHandler {
  /** Never rejects: whatever fails is a response in OpenAI's shape. A request whose `signal` is aborted is given up. */
  (request: Request): Promise<Response>;
  /**
   * Refuses new requests with 503, and resolves when those that are open are answered. Those that are not after `withinMs`
   * milliseconds are ended with an error.
   */
  drain(withinMs: number): Promise<void>;
}

/**
 * The OpenAI API over an engine: `/v1/chat/completions`, `/v1/completions`, `/v1/models`, `/tokenize`, `/detokenize`,
 * `/health` and `/metrics`. While the engine is a promise, `/health` answers 503, and so does everything else; where it
 * is rejected, `onFailure` is told, and it stays so. Throws
 * `HR_OPTION_INVALID` for options that cannot be.
 */
export function createFetchHandler(
  engine: ServedEngine | Promise<ServedEngine>,
  options: ServeOptions = {},
): FetchHandler {
  const server = new ApiServer(engine, options);
  return Object.assign((request: Request) => server.answer(request), {
    drain: (withinMs: number) => server.drain(withinMs),
  });
}

/** What answers a path, by method; `rest` is what follows a path that ends with a slash. */
interface Route {
  readonly method: 'GET' | 'POST';
  /** Whether it is answered while the server drains, too. */
  readonly last?: true;
  readonly answer: (
    service: ModelService,
    request: Request,
    caller: number,
    rest: string,
  ) => Response | Promise<Response>;
}

const ROUTES: ReadonlyMap<string, Route> = new Map([
  ['/v1/chat/completions', post((service, request, caller) => service.generate(request, caller, 'chat'))],
  ['/v1/completions', post((service, request, caller) => service.generate(request, caller, 'completions'))],
  ['/tokenize', post((service, request, caller) => service.tokenize(request, caller))],
  ['/detokenize', post((service, request, caller) => service.detokenize(request, caller))],
  ['/v1/models', get((service) => service.models())],
  ['/v1/models/', get((service, _request, _caller, rest) => service.model(rest))],
  ['/metrics', { ...get((service) => service.metrics()), last: true }],
]);

const ENDPOINTS = [...ROUTES.keys(), '/health'].filter((path) => !path.endsWith('/')).join(', ');

function get(answer: Route['answer']): Route {
  return { method: 'GET', answer };
}

function post(answer: Route['answer']): Route {
  return { method: 'POST', answer };
}

class ApiServer {
  readonly #keys: ApiKeys;
  readonly #options: ServeOptions;
  #service: ModelService | undefined;
  #draining = false;
  /** Why there is no engine any more, if so. */
  #lost: 'engine_has_ended' | 'model_not_loaded' | undefined;

  constructor(engine: ServedEngine | Promise<ServedEngine>, options: ServeOptions) {
    const limits = limitsOf(options);
    this.#options = options;
    this.#keys = new ApiKeys(limits.apiKeys);
    const serve = (loaded: ServedEngine) => {
      this.#service = new ModelService(loaded, options.servedModelName, limits, (failure) =>
        this.#report(failure),
      );
      void loaded.ended?.then(() => {
        this.#lost = 'engine_has_ended';
      });
    };
    if (!(engine instanceof Promise)) serve(engine);
    else
      engine.then(serve, (error) => {
        this.#lost = 'model_not_loaded';
        options.onFailure?.(error);
      });
  }

  async drain(withinMs: number): Promise<void> {
    this.#draining = true;
    await this.#service?.admission.drain(withinMs);
  }

  async answer(request: Request): Promise<Response> {
    const id = requestId(request);
    let response: Response;
    try {
      response = await this.#answer(request);
    } catch (error) {
      response = this.#failed(error);
    }
    response.headers.set('x-request-id', id);
    return request.method === 'HEAD' ? new Response(null, response) : response;
  }

  #failed(error: unknown): Response {
    const failure = this.#service?.errorOf(error) ?? apiErrorOf(error, undefined, 1);
    this.#report(failure);
    return Response.json(failure, { status: failure.status, headers: failure.headers });
  }

  /** Tells of a failure that is the server's own. */
  #report(failure: ApiError): void {
    if (failure.status === 500) this.#options.onFailure?.(failure.cause ?? failure);
  }

  async #answer(request: Request): Promise<Response> {
    const { pathname } = new URL(request.url);
    if (this.#options.localOnly) checkLocal(request);
    // What can be read has a head.
    const method = request.method === 'HEAD' ? 'GET' : request.method;
    if (pathname === '/health') return this.#health(method);
    const caller = this.#keys.caller(request);
    const { route, rest } = routeOf(pathname, method);
    const service = this.#ready(route.last);
    return route.answer(service, request, caller, rest);
  }

  #health(method: string): Response {
    if (method !== 'GET') throw notAllowed(method, '/health', 'GET');
    this.#ready();
    return Response.json({ status: 'ok' });
  }

  #ready(last = false): ModelService {
    if (this.#draining && !last)
      throw new ApiError(503, 'The server is shutting down.', {
        ...{ code: 'server_is_shutting_down', retryAfter: 5 },
      });
    if (this.#lost !== undefined) throw new ApiError(503, API_ERRORS[this.#lost].when, { code: this.#lost });
    if (this.#service === undefined)
      throw new ApiError(503, 'The model is being loaded.', { code: 'model_is_loading', retryAfter: 1 });
    return this.#service;
  }
}

function routeOf(pathname: string, method: string): { route: Route; rest: string } {
  const prefix = '/v1/models/';
  const key = pathname.startsWith(prefix) && pathname !== prefix ? prefix : pathname;
  const route = key === prefix && pathname === prefix ? undefined : ROUTES.get(key);
  if (route === undefined)
    throw new ApiError(404, `There is no endpoint ${pathname.slice(0, 200)}; there are ${ENDPOINTS}.`, {
      code: 'unknown_endpoint',
    });
  if (route.method !== method) throw notAllowed(method, pathname, route.method);
  return { route, rest: unescaped(pathname.slice(prefix.length)) };
}

function notAllowed(method: string, pathname: string, takes: Route['method']): ApiError {
  const allow = takes === 'GET' ? 'GET, HEAD' : takes;
  const what = `${pathname.slice(0, 200)} takes ${takes}, not ${method}.`;
  return new ApiError(405, what, { code: 'method_not_allowed', allow });
}

function unescaped(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** The caller's id of the request, if it can be sent back as it is; otherwise a new one. */
function requestId(request: Request): string {
  const given = request.headers.get('x-request-id') ?? '';
  return /^[\x21-\x7e]{1,128}$/.test(given) ? given : `req_${randomUUID().replaceAll('-', '')}`;
}
