/** A trace in real time, on a real engine. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { tinyFile } from '../../../test/llm/tiny-model.ts';
import type { EngineEvent } from '../engine/engine-event.ts';
import { LlmEngine } from '../engine/llm-engine.ts';
import { burstTrace, poissonTrace, type RequestMix } from './random-trace.ts';
import { replay } from './replay.ts';

const MIX: RequestMix = { prompt: [5, 100], output: [1, 30] };
const folder = mkdtempSync(path.join(tmpdir(), 'headrace-replay-'));
const events: EngineEvent[] = [];
let engine: LlmEngine;
beforeAll(async () => {
  const file = path.join(folder, 'tiny.gguf');
  writeFileSync(file, tinyFile({ type: 'Q4_1', embedding: 'Q8_0' }));
  const options = { cache: path.join(folder, 'cache'), threads: 1, kvBlocks: 65 };
  engine = await LlmEngine.load(file, { ...options, onEvent: (event) => void events.push(event) });
});
afterAll(async () => {
  await engine.close();
  rmSync(folder, { recursive: true, force: true });
});

test('requests are sent when the trace says, and their tokens are timed', async () => {
  const trace = poissonTrace({ seed: 1, requests: 12, perSecond: 40, mix: MIX });
  events.length = 0;
  const requests = await replay(trace, engine);
  const began = (requests[0]?.arrivedMs as number) - (trace[0]?.atMs as number);
  for (const [at, { arrivedMs, tokensMs, error }] of requests.entries()) {
    expect(error).toBeUndefined();
    expect(arrivedMs - began).toBeCloseTo(trace[at]?.atMs as number, 6);
    expect(tokensMs.length).toBe(trace[at]?.output);
    expect(tokensMs).toEqual(tokensMs.toSorted((a, b) => a - b));
    expect(tokensMs[0]).toBeGreaterThan(arrivedMs);
  }
  // The end of the last step is told after its tokens.
  await engine.metrics();
  // What the engine took is what the log says that it measured.
  const asked = events.flatMap((event) => (event.kind === 'arrive' ? [event.maxTokens] : []));
  expect(asked).toEqual(trace.map(({ output }) => output));
  expect(events.filter(({ kind }) => kind === 'step').length).toBe(
    events.filter(({ kind }) => kind === 'plan').length,
  );
});

test('a request that comes while the model runs is in the next plan', async () => {
  const request = (atMs: number, output: number) => {
    return { atMs, prompt: [[100 + atMs, 8] as const], output, priority: 0 };
  };
  events.length = 0;
  await replay([request(0, 200), ...Array.from({ length: 40 }, (_, at) => request(10 + 2 * at, 1))], engine);
  let [planned, inTime, late] = [false, 0, 0];
  for (const { kind } of events) {
    if (kind === 'plan') planned = true;
    if (kind === 'run') planned = false;
    if (kind === 'arrive' && planned) late++;
    if (kind === 'arrive' && !planned) inTime++;
  }
  expect(inTime + late).toBe(41);
  // A tiny model's run is so short that some come between a plan and its run. All would, if they were taken one run too late.
  expect(late).toBeLessThan(inTime);
});

test('a request that is refused is told apart from those that are answered', async () => {
  const trace = burstTrace({ seed: 2, bursts: 1, size: 6, everyMs: 0, mix: MIX });
  const long = { atMs: 0, prompt: [[1, 250] as const], output: 30, priority: 0 };
  const requests = await replay([...trace.slice(0, 2), long], engine);
  expect(requests.map(({ error }) => error)).toEqual([undefined, undefined, 'HR_CONTEXT_LENGTH']);
  expect(requests[2]?.tokensMs).toEqual([]);
});

test('a replay ends when it is told to', async () => {
  const trace = poissonTrace({ seed: 3, requests: 40, perSecond: 1, mix: MIX });
  const ends = new AbortController();
  const running = replay(trace, engine, ends.signal);
  const failed = (await Promise.all([running, ends.abort()]))[0].filter(({ error }) => error !== undefined);
  expect(failed.length).toBe(40);
  expect(new Set(failed.map(({ error }) => error))).toEqual(new Set(['HR_CANCELLED']));
  // The engine is still there.
  const [one] = await replay([{ ...(trace[0] as (typeof trace)[0]), atMs: 0 }], engine);
  expect(one?.tokensMs.length).toBe(trace[0]?.output);
});
