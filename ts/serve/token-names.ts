/** What a token is called in log probabilities. */
import type { ScoredToken } from '../llm/engine/token.ts';

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/**
 * Its text, if its bytes are whole characters; otherwise the bytes, as `bytes:\xe2\x82`. A control token has no bytes, and is
 * called `token_id:2`. Different tokens have different names, unless one is text that looks like another's bytes.
 */
export function tokenName({ token, bytes }: ScoredToken): string {
  if (bytes.length === 0) return `token_id:${token}`;
  try {
    return utf8.decode(bytes);
  } catch {
    return `bytes:${[...bytes].map((byte) => `\\x${byte.toString(16).padStart(2, '0')}`).join('')}`;
  }
}
