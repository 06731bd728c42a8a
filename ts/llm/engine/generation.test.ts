/** Answers as their reader sees them, however they end. */
import { expect, test } from 'vitest';
import type { HeadraceError } from '../../errors.ts';
import { Generation } from './generation.ts';
import { Generations } from './generations.ts';
import type { GeneratedToken, Usage } from './token.ts';

const USAGE: Usage = { promptTokens: 3, cachedTokens: 0, completionTokens: 1, queuedMs: 0 };
const token = (token: number): GeneratedToken => ({ choice: 0, token, text: String(token) });

test('a generation that is left is done: it is cancelled once, and yields nothing more', async () => {
  let cancels = 0;
  const generation = new Generation(() => void cancels++);
  generation.push([token(1), token(2)], USAGE);
  for await (const { text } of generation) {
    expect(text).toBe('1');
    break;
  }
  generation.push([token(3)], USAGE);
  expect(await generation.next()).toEqual({ done: true, value: undefined });
  expect(await Array.fromAsync(generation)).toEqual([]);
  await generation.return();
  generation.cancel();
  expect(cancels).toBe(1);
});

test('a reader that waits when the generation is left is done too', async () => {
  const generation = new Generation(() => {});
  const waiting = generation.next();
  await generation.return();
  expect(await waiting).toEqual({ done: true, value: undefined });
});

test('who reads late has every token, and then why there are no more', async () => {
  const generation = new Generation(() => {});
  generation.push([token(1)], USAGE);
  generation.push([token(2)], USAGE);
  generation.cancel();
  const readers = await Promise.allSettled([generation.next(), generation.next(), generation.next()]);
  expect(
    readers.map((one) => (one.status === 'fulfilled' ? one.value.value?.token : one.reason.code)),
  ).toEqual([1, 2, 'HR_CANCELLED']);
  await expect(generation.next()).rejects.toThrow(/HR_CANCELLED/);
});

test('a listener that throws keeps no token from its reader', async () => {
  const generations = new Generations(() => {
    throw new Error('a listener fails');
  });
  const { id, generation } = generations.open(undefined, () => {});
  const said = {
    outputs: [{ kind: 'tokens', request: id, usage: USAGE, tokens: [token(1)], last: true }],
    events: [{ kind: 'finish', request: id }],
  } as const;
  expect(() => generations.take(said)).toThrow('a listener fails');
  expect(await Array.fromAsync(generation)).toEqual([token(1)]);
  await generations.drain();
});

test('requests that are open when the engine closes say why, and nobody else is let in', async () => {
  const generations = new Generations(undefined);
  const { generation } = generations.open(undefined, () => {});
  const drained = generations.drain();
  const why = { code: 'HR_ENGINE_CLOSED' } as HeadraceError;
  generations.close(why);
  await drained;
  await expect(generation.text()).rejects.toBe(why);
  expect(() => generations.open(undefined, () => {})).toThrow();
});
