import { expect, test } from 'vitest';
import { formatTrace, parseTrace, promptLength, promptTokens, stretched } from './arrival-trace.ts';
import { burstTrace, poissonTrace, type RequestMix } from './random-trace.ts';

const MIX: RequestMix = {
  ...{ prompt: [10, 80], output: [1, 20], shared: { part: 0.5, texts: 2, tokens: 48 }, priorities: 3 },
};

test('a seed has one trace, and another seed another', () => {
  const trace = (seed: number) => poissonTrace({ seed, requests: 50, perSecond: 5, mix: MIX });
  expect(trace(1)).toEqual(trace(1));
  expect(trace(1)).not.toEqual(trace(2));
  const bursts = (seed: number) => burstTrace({ seed, bursts: 5, size: 4, everyMs: 100, mix: MIX });
  expect(bursts(1)).toEqual(bursts(1));
  expect(bursts(1)).not.toEqual(bursts(2));
  expect(bursts(1).map(({ atMs }) => atMs)).toEqual([0, 1, 2, 3, 4].flatMap((at) => Array(4).fill(at * 100)));
});

test('requests come as often as asked for, and by chance', () => {
  const trace = poissonTrace({ seed: 3, requests: 10_000, perSecond: 20, mix: MIX });
  const gaps = trace.map(({ atMs }, at) => atMs - (trace[at - 1]?.atMs ?? 0));
  const mean = gaps.reduce((a, b) => a + b, 0) / gaps.length;
  const variance = gaps.reduce((sum, gap) => sum + (gap - mean) ** 2, 0) / gaps.length;
  // Exponential gaps deviate by as much as their mean. Both are more than four standard errors wide.
  expect(mean).toBeGreaterThan(48);
  expect(mean).toBeLessThan(52);
  expect(Math.sqrt(variance) / mean).toBeGreaterThan(0.94);
  expect(Math.sqrt(variance) / mean).toBeLessThan(1.06);
});

test('lengths, priorities and shared texts are as the mix says', () => {
  const trace = poissonTrace({ seed: 4, requests: 2_000, perSecond: 1, mix: MIX });
  const own = trace.map(({ prompt }) => prompt.at(-1)?.[1] as number);
  expect([Math.min(...own), Math.max(...own)]).toEqual([10, 80]);
  // Log-uniform: half of them below the geometric mean.
  expect(Math.abs(own.filter((tokens) => tokens < Math.sqrt(10 * 81)).length / 2_000 - 0.5)).toBeLessThan(
    0.05,
  );
  const outputs = trace.map(({ output }) => output);
  expect([Math.min(...outputs), Math.max(...outputs)]).toEqual([1, 20]);
  expect(new Set(trace.map(({ priority }) => priority))).toEqual(new Set([0, 1, 2]));
  const sharing = trace.filter(({ prompt }) => prompt.length === 2);
  expect(Math.abs(sharing.length / 2_000 - 0.5)).toBeLessThan(0.05);
  expect(new Set(sharing.map(({ prompt }) => prompt[0]?.[0])).size).toBe(2);
  // What is its own no other has.
  expect(new Set(trace.map(({ prompt }) => prompt.at(-1)?.[0])).size).toBe(2_000);
});

test('equal pieces are equal tokens, and others are not', () => {
  const request = (prompt: [number, number][]) => ({ atMs: 0, prompt, output: 1, priority: 0 });
  const [a, b, c] = [
    [
      [7, 32],
      [8, 5],
    ],
    [
      [7, 32],
      [9, 5],
    ],
    [[7, 20]],
  ].map((prompt) => promptTokens(request(prompt as [number, number][]), 500)) as [
    Uint32Array,
    Uint32Array,
    Uint32Array,
  ];
  expect(a.length).toBe(
    promptLength(
      request([
        [7, 32],
        [8, 5],
      ]),
    ),
  );
  expect(a.subarray(0, 32)).toEqual(b.subarray(0, 32));
  expect(a.subarray(32)).not.toEqual(b.subarray(32));
  expect(c).toEqual(a.subarray(0, 20));
  expect(Math.max(...a)).toBeLessThan(500);
});

test('a trace is read as it was written', () => {
  const trace = poissonTrace({ seed: 5, requests: 20, perSecond: 5, mix: MIX });
  expect(parseTrace(formatTrace(trace))).toEqual(trace);
  expect(parseTrace('{"atMs":1,"prompt":[[1,2]],"output":3}\n\n')).toEqual([
    { atMs: 1, prompt: [[1, 2]], output: 3, priority: 0 },
  ]);
  expect(stretched(trace, 2).map(({ atMs }) => atMs)).toEqual(trace.map(({ atMs }) => atMs * 2));
});

test.each([
  ['what is no JSON', '{"atMs"'],
  ['null', 'null'],
  ['no time', '{"atMs":-1,"prompt":[[1,2]],"output":3}'],
  ['an earlier time', '{"atMs":4,"prompt":[[1,2]],"output":3}'],
  ['an empty prompt', '{"atMs":5,"prompt":[],"output":3}'],
  ['a negative length', '{"atMs":5,"prompt":[[1,2],[1,-1]],"output":3}'],
  ['a prompt that is too long', '{"atMs":5,"prompt":[[1,131073]],"output":3}'],
  ['no piece', '{"atMs":5,"prompt":[7],"output":3}'],
  ['no output', '{"atMs":5,"prompt":[[1,2]],"output":0}'],
  ['half a priority', '{"atMs":5,"prompt":[[1,2]],"output":1,"priority":0.5}'],
])('%s is refused with its line', (_, line) => {
  const first = '{"atMs":5,"prompt":[[1,2]],"output":3}\n';
  expect(() => parseTrace(first + line)).toThrow(
    expect.objectContaining({ code: 'HR_OPTION_INVALID', message: expect.stringContaining('Line 2') }),
  );
});
