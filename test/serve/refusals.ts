/** Expects refusals in OpenAI's shape, and that the server answers as before after each. */
import { expect } from 'vitest';
import { API_ERRORS, type ApiErrorCode } from '../../ts/serve/error-codes.ts';
import type { Endpoint } from '../../ts/serve/parameters.ts';
import { serve, tinyEngine } from './tiny-server.ts';

export const PATHS = { chat: '/v1/chat/completions', completions: '/v1/completions' } as const;
/** Requests that are served as they are. */
export const SOUND = {
  chat: { model: 'tiny', messages: [{ role: 'user', content: 'What?' }], max_tokens: 2, temperature: 0 },
  completions: { model: 'tiny', prompt: 'The river', max_tokens: 2, temperature: 0 },
} as const;
const CANARY = {
  ...{ model: 'tiny', prompt: 'The river mill', max_tokens: 6, temperature: 0.7, seed: 5, ignore_eos: true },
  logprobs: 2,
};

export interface Refusal {
  readonly status: number;
  readonly param?: string | null | RegExp;
  readonly code?: string | null;
}

/** A server, and what it has to refuse. */
export async function refusals() {
  const tiny = await tinyEngine({ maxNumSeqs: 32 });
  const server = await serve(tiny.engine);

  /** The answer of a request whose bits are known, as text: numbers that are printed alike have the same bits. */
  const canary = async (): Promise<string> => {
    const { choices } = (await (await server.post('/v1/completions', CANARY)).json()) as { choices: unknown };
    return JSON.stringify(choices);
  };
  const alone = await canary();

  /** Expects a refusal in OpenAI's shape, and that the canary lives. */
  const expectRefusal = async (response: Response, { status, param, code }: Refusal, what?: string) => {
    const text = await response.text();
    const said = `${what}: ${text.slice(0, 300)}`;
    expect(response.status, said).toBe(status);
    expect(response.headers.get('content-type')).toContain('application/json');
    const { error, ...others } = JSON.parse(text);
    expect(others).toEqual({});
    expect(Object.keys(error).sort()).toEqual(['code', 'message', 'param', 'type']);
    expect(error.type).toBe('invalid_request_error');
    expect(error.message).toMatch(/^.{3,1000}$/s);
    if (param instanceof RegExp) expect(error.param, said).toMatch(param);
    else if (param !== undefined) expect(error.param, said).toBe(param);
    if (error.code !== null) expect(API_ERRORS[error.code as ApiErrorCode]?.status, said).toBe(status);
    if (code !== undefined) expect(error.code, said).toBe(code);
    expect(await canary()).toBe(alone);
  };

  const post = (endpoint: Endpoint, change: object) =>
    server.post(PATHS[endpoint], { ...SOUND[endpoint], ...change });
  return {
    ...{ tiny, server, expectRefusal, post },
    /** Expects that a sound request with this change is refused, or served. */
    async refused(endpoint: Endpoint, change: object, refusal: Refusal) {
      await expectRefusal(await post(endpoint, change), refusal, JSON.stringify(change).slice(0, 200));
    },
    async served(endpoint: Endpoint, change: object) {
      const response = await post(endpoint, change);
      const body = (await response.text()).slice(0, 300);
      expect(response.status, `${JSON.stringify(change).slice(0, 200)}: ${body}`).toBe(200);
    },
    async close() {
      await server.front.close();
      await tiny.close();
    },
  };
}

export type Refusals = Awaited<ReturnType<typeof refusals>>;
