/** How a server is set up. */
import { HeadraceError } from '../errors.ts';
import { NAME_LENGTH_MAX } from './parameters.ts';

export interface ServeOptions {
  /** The name that requests call the model by; the one that the engine has for it unless told. */
  readonly servedModelName?: string | undefined;
  /** Whoever sends one of these keys may use the server; everybody, if there are none. */
  readonly apiKeys?: readonly string[];
  /** Requests that wait for their first token; 256. */
  readonly maxQueueRequests?: number;
  /** Tokens of their prompts; 262,144. */
  readonly maxQueueTokens?: number;
  /** Requests of one API key that are open; no limit unless told. */
  readonly maxRequestsPerKey?: number;
  /** Bytes of the body of a request; 2 MiB. */
  readonly maxBodyBytes?: number;
  /**
   * Whether only requests are answered whose `host` is this machine itself (`localhost` or a loopback address), or that have
   * none. A page of the web can give its own name the address of this machine; then it may read what is answered here. No, unless told.
   */
  readonly localOnly?: boolean;
  /** Told of every failure that is the server's own: what is answered with 500 or breaks a stream, and an engine that could not be loaded. */
  readonly onFailure?: (error: unknown) => void;
}

export type ServeLimits = Required<Omit<ServeOptions, 'servedModelName' | 'localOnly' | 'onFailure'>>;

/** Fills in what is not given. Throws `HR_OPTION_INVALID`. */
export function limitsOf(options: ServeOptions): ServeLimits {
  checkName(options.servedModelName);
  return {
    apiKeys: keysOf(options.apiKeys ?? []),
    maxQueueRequests: whole('maxQueueRequests', options.maxQueueRequests ?? 256),
    maxQueueTokens: whole('maxQueueTokens', options.maxQueueTokens ?? 262_144),
    maxRequestsPerKey: whole('maxRequestsPerKey', options.maxRequestsPerKey ?? Number.MAX_SAFE_INTEGER),
    maxBodyBytes: whole('maxBodyBytes', options.maxBodyBytes ?? 2 * 1024 * 1024),
  };
}

function whole(name: string, value: number): number {
  if (Number.isSafeInteger(value) && value >= 1) return value;
  throw new HeadraceError('HR_OPTION_INVALID', `${name} is ${value}, which is no whole number from 1 on.`);
}

/** A name that no request can have is refused. */
function checkName(name: string | undefined): void {
  if (name === undefined || (name !== '' && name.length <= NAME_LENGTH_MAX)) return;
  throw new HeadraceError('HR_OPTION_INVALID', `The name of a model has 1 to ${NAME_LENGTH_MAX} letters.`);
}

/** Keys that could not be sent in a header are refused, without naming them. */
function keysOf(keys: readonly string[]): readonly string[] {
  if (keys.every((key) => /^[\x21-\x7e]{1,512}$/.test(key))) return keys;
  throw new HeadraceError(
    'HR_OPTION_INVALID',
    'An API key is 1 to 512 visible ASCII letters without spaces.',
  );
}
