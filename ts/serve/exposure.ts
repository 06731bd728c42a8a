/** Whom an address is open to. */
import { BlockList, isIP } from 'node:net';
import { HeadraceError } from '../errors.ts';
import { ApiError } from './api-error.ts';

const loopback = new BlockList();
loopback.addSubnet('127.0.0.0', 8);
loopback.addAddress('::1', 'ipv6');

/** Whether only this machine itself reaches an address. Of names, only `localhost` is known to. */
export function isLoopback(host: string): boolean {
  const version = isIP(host);
  if (version === 0) return host.toLowerCase() === 'localhost';
  return loopback.check(host, version === 4 ? 'ipv4' : 'ipv6');
}

/** Throws `HR_OPTION_INVALID` for a server that would be open to others without a key. */
export function requireKey(host: string, keys: number): void {
  if (keys > 0 || isLoopback(host)) return;
  throw new HeadraceError('HR_OPTION_INVALID', `Others can reach '${host}', and there is no API key.`, {
    hint: 'Set HEADRACE_API_KEYS or --api-key-file, or listen on 127.0.0.1.',
  });
}

/** Throws an {@link ApiError} of status 421 for a request that was sent to another name than those of this machine. */
export function checkLocal(request: Request): void {
  const host = request.headers.get('host');
  if (host === null) return;
  const name = URL.parse(`http://${host}`)?.hostname.replace(/^\[|\]$/g, '') ?? '';
  if (isLoopback(name)) return;
  const what = 'Without an API key the server answers on this machine only, as localhost or 127.0.0.1.';
  throw new ApiError(421, what, { code: 'misdirected_request' });
}
