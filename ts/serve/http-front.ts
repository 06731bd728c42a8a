/** A fetch handler behind `node:http`. */
import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { HeadraceError } from '../errors.ts';
import { abortable } from './abortable.ts';
import type { FetchHandler } from './fetch-handler.ts';

/** What a connection may take; milliseconds, unless their name says otherwise. */
export interface FrontLimits {
  /** For the head of a request, and for all of it. */
  readonly headersTimeout: number;
  readonly requestTimeout: number;
  /** Between two requests. */
  readonly keepAliveTimeout: number;
  /** In which a client takes none of what is sent to it. */
  readonly sendTimeout: number;
  readonly maxConnections: number;
  readonly maxRequestsPerConnection: number;
  readonly maxHeaderBytes: number;
}

export const FRONT_LIMITS: FrontLimits = {
  ...{ headersTimeout: 10_000, requestTimeout: 30_000, keepAliveTimeout: 10_000, sendTimeout: 30_000 },
  ...{ maxConnections: 1_024, maxRequestsPerConnection: 1_000, maxHeaderBytes: 16_384 },
};

/** How long the rest of a body that nobody wants is read, so that its sender reads the refusal. */
const LINGER_MS = 1_000;
/** Bytes that a client has the time of `sendTimeout` for. */
const SLICE_BYTES = 65_536;
/** How long last bytes may take when the server is closed. */
const CLOSE_MS = 2_000;

export class HttpFront {
  readonly #handler: FetchHandler;
  readonly #server: Server;
  readonly #limits: FrontLimits;
  #draining = false;
  #closed: Promise<void> | undefined;
  /** Requests that are being answered, bytes and all. */
  readonly #answering = new Set<Promise<void>>();

  /**
   * Listens. Throws `HR_IO` where it cannot; port 0 is any that is free. Where the handler rejects, the answer is a bare 500.
   */
  static async listen(
    handler: FetchHandler,
    { port, host, limits = {} }: { port: number; host: string; limits?: Partial<FrontLimits> },
  ): Promise<HttpFront> {
    const front = new HttpFront(handler, { ...FRONT_LIMITS, ...limits });
    const server = front.#server;
    server.listen({ port, host });
    try {
      await once(server, 'listening');
    } catch (error) {
      throw cannotListen(error as NodeJS.ErrnoException, port, host);
    }
    return front;
  }

  private constructor(handler: FetchHandler, limits: FrontLimits) {
    this.#handler = handler;
    this.#limits = limits;
    const { headersTimeout, requestTimeout, keepAliveTimeout, maxHeaderBytes } = limits;
    const connectionsCheckingInterval = Math.min(1_000, headersTimeout);
    this.#server = createServer(
      {
        ...{ headersTimeout, requestTimeout, keepAliveTimeout, connectionsCheckingInterval },
        maxHeaderSize: maxHeaderBytes,
      },
      (incoming, outgoing) => {
        const answering = this.#serve(incoming, outgoing).finally(() => this.#answering.delete(answering));
        this.#answering.add(answering);
      },
    );
    this.#server.maxConnections = limits.maxConnections;
    this.#server.maxRequestsPerSocket = limits.maxRequestsPerConnection;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  /**
   * Refuses new requests, and resolves when those that are open are answered and have been sent, or were ended after
   * `withinMs`.
   */
  async drain(withinMs: number): Promise<void> {
    this.#draining = true;
    const late = AbortSignal.timeout(withinMs);
    await this.#handler.drain(withinMs);
    await this.#answered(late);
    await this.close();
  }

  /** Takes no more connections, and ends those that there are as soon as they have nothing to send. */
  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  async #close(): Promise<void> {
    const closed = once(this.#server, 'close');
    this.#server.close();
    await this.#answered(AbortSignal.timeout(CLOSE_MS));
    // Node does not count a connection as idle on which no request has come.
    this.#server.closeAllConnections();
    await closed;
  }

  /** Resolves when all answers have been sent, or when it is too late. */
  async #answered(late: AbortSignal): Promise<void> {
    await abortable(Promise.all(this.#answering), late).catch(() => {
      // Then they are cut off.
    });
  }

  async #serve(incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> {
    const gone = new AbortController();
    // With the last byte, or before.
    const closed = new Promise<void>((resolve) => outgoing.once('close', resolve));
    outgoing.once('close', () => gone.abort());
    outgoing.on('error', () => gone.abort());
    let request: Request | undefined;
    try {
      request = requestOf(incoming, gone.signal);
      const response = await this.#handler(request);
      await linger(incoming, request, gone.signal);
      if (this.#draining || !incoming.complete) outgoing.shouldKeepAlive = false;
      outgoing.writeHead(response.status, Object.fromEntries(response.headers));
      if (response.body !== null) await send(response.body, outgoing, gone.signal, this.#limits.sendTimeout);
      outgoing.end();
      await abortable(closed, AbortSignal.timeout(this.#limits.sendTimeout));
    } catch {
      // The head is not one of a request that there can be, the handler has failed, or the client has gone.
      const status = request === undefined ? 400 : 500;
      if (!outgoing.headersSent) outgoing.writeHead(status, { connection: 'close' }).end();
      else outgoing.destroy();
    }
  }
}

function requestOf(incoming: IncomingMessage, signal: AbortSignal): Request {
  const { method = 'GET', url = '/', headers } = incoming;
  const plain = Object.entries(headers).flatMap(([name, value]) =>
    value === undefined ? [] : [[name, String(value)] as [string, string]],
  );
  const bodiless = method === 'GET' || method === 'HEAD';
  const body = bodiless ? {} : { body: bodyOf(incoming), duplex: 'half' as const };
  // A path may begin with two slashes, which a URL takes for a host.
  const at = url.startsWith('/') ? `http://server${url}` : new URL(url, 'http://server');
  return new Request(at, { method, headers: plain, signal, ...body });
}

/** The body as a stream that is read as fast as its reader takes it. Cancelled, it leaves the connection as it is. */
function bodyOf(incoming: IncomingMessage): ReadableStream<Uint8Array> {
  let open = true;
  return new ReadableStream<Uint8Array>(
    {
      start(controller) {
        const end = (how: () => void) => {
          if (open) how();
          open = false;
        };
        incoming.on('data', (chunk: Uint8Array) => {
          if (open) controller.enqueue(chunk);
          if (open && (controller.desiredSize ?? 0) <= 0) incoming.pause();
        });
        incoming.once('end', () => end(() => controller.close()));
        incoming.once('error', (error) => end(() => controller.error(error)));
        incoming.once('close', () => end(() => controller.error(new Error('The connection was closed.'))));
      },
      pull: () => void incoming.resume(),
      cancel: () => {
        open = false;
      },
    },
    new ByteLengthQueuingStrategy({ highWaterMark: 65_536 }),
  );
}

/** Reads what is left of a body that nobody wants, for a while. */
async function linger(incoming: IncomingMessage, request: Request, gone: AbortSignal): Promise<void> {
  if (incoming.complete || gone.aborted) return;
  const signal = AbortSignal.any([gone, AbortSignal.timeout(LINGER_MS)]);
  try {
    await request.body?.cancel();
    incoming.resume();
    await once(incoming, 'end', { signal });
  } catch {
    // It is still being read, goes on for too long, or has broken off: the answer is sent all the same.
  }
}

/** Sends a body as fast as the client takes it; gives up on one that takes nothing for `timeout` milliseconds. */
async function send(
  body: ReadableStream<Uint8Array>,
  to: ServerResponse,
  gone: AbortSignal,
  timeout: number,
): Promise<void> {
  const reader = body.getReader();
  const cancel = () => {
    reader.cancel().catch(() => {
      // It has failed already.
    });
  };
  gone.addEventListener('abort', cancel, { once: true });
  if (gone.aborted) cancel();
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    for (let at = 0; at < value.length && !gone.aborted; at += SLICE_BYTES) {
      if (to.write(value.subarray(at, at + SLICE_BYTES))) continue;
      const signal = AbortSignal.any([gone, AbortSignal.timeout(timeout)]);
      await once(to, 'drain', { signal });
    }
    if (gone.aborted) return;
  }
}

function cannotListen(cause: NodeJS.ErrnoException, port: number, host: string): HeadraceError {
  const hints: Record<string, string> = {
    EADDRINUSE: 'Another program has the port: end it, or choose another with --port.',
    EACCES: 'Ports below 1024 need special rights: choose another with --port.',
    EADDRNOTAVAIL: 'This machine does not have the address: choose another with --host.',
    ENOTFOUND: 'There is no such host: choose another with --host.',
  };
  const what = `The server cannot listen on ${host}:${port}: ${cause.code ?? cause.message}.`;
  return new HeadraceError('HR_IO', what, { hint: hints[cause.code ?? ''], cause });
}
