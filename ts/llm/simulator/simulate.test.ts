/** Traces through the engine in simulated time. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { forAll } from '../../../test/seeds.ts';
import { EngineCore } from '../engine/core.ts';
import type { CoreLimits } from '../engine/core-parts.ts';
import type { EngineEvent } from '../engine/engine-event.ts';
import { BLOCK_TOKENS } from '../import/shape.ts';
import { runCost } from '../scheduler/cost.ts';
import type { PolicyName } from '../scheduler/policy.ts';
import { type ArrivalTrace, promptLength } from './arrival-trace.ts';
import { seededRandom } from './random.ts';
import { burstTrace, poissonTrace, type RequestMix } from './random-trace.ts';
import { requestOf, SILENT, type SimulatedEngine, simulate } from './simulate.ts';
import { SimulatedRunner, VirtualClock } from './simulated-runner.ts';
import { fitStepTimes, ownTime, type StepTimes } from './step-times.ts';

/** SmolLM2-135M on two cores, or so. */
const TIMES: StepTimes = {
  run: { run: 8.2, token: 1.18, pair: 0.00067, read: 0.0034 },
  own: { run: 0.1, row: 0.02, token: 0.005 },
};
const LIMITS: CoreLimits = {
  ...{ kvBlocks: 129, watermark: 1, maxNumSeqs: 16, maxNumBatchedTokens: 128, maxModelLen: 512 },
  ...{ maxQueue: 1_000, maxChunkTokens: 256, maxRunCells: 2 ** 22, prefixCache: true, policy: 'fcfs' },
};
const MIX: RequestMix = {
  ...{ prompt: [5, 150], output: [1, 40], shared: { part: 0.4, texts: 2, tokens: 64 } },
};
const RUNS = 30;
const engine = (limits: Partial<CoreLimits> = {}, times = TIMES): SimulatedEngine => {
  return { limits: { ...LIMITS, ...limits }, times, cost: runCost(times.run) };
};

const limits: fc.Arbitrary<Partial<CoreLimits>> = fc
  .record({
    // A request has at most 64 + 150 + 40 tokens.
    kvBlocks: fc.integer({ min: 17, max: 80 }),
    watermark: fc.nat(3),
    maxNumSeqs: fc.integer({ min: 1, max: 24 }),
    more: fc.nat(200),
    prefixCache: fc.boolean(),
    policy: fc.constantFrom<PolicyName>('fcfs', 'priority'),
  })
  .map(({ more, ...others }) => ({
    ...others,
    maxModelLen: 254,
    maxNumBatchedTokens: others.maxNumSeqs + more,
  }));

const traces = fc
  .record({
    seed: fc.nat(2 ** 31),
    priorities: fc.constantFrom(1, 3),
    part: fc.constantFrom(0, 0.5),
    rate: fc.constantFrom('bursts', 2, 10, 1_000),
  })
  .map(({ seed, priorities, part, rate }) => {
    const mix = { ...MIX, priorities, shared: { part, texts: 2, tokens: 64 } };
    return rate === 'bursts'
      ? burstTrace({ seed, bursts: 3, size: 8, everyMs: 400, mix })
      : poissonTrace({ seed, requests: 24, perSecond: rate as number, mix });
  });

test('the same trace has the same plans, events and times twice, and another has others', async () => {
  const trace = (seed: number) => poissonTrace({ seed, requests: 60, perSecond: 8, mix: MIX });
  const once = await simulate(trace(1), engine());
  expect(await simulate(trace(1), engine())).toEqual(once);
  const other = await simulate(trace(2), engine());
  expect(plans(other.events)).not.toEqual(plans(once.events));
});

test('requests at the same points of the log have the same log, however long everything takes', async () => {
  const small = { kvBlocks: 33 };
  const trace = poissonTrace({ seed: 5, requests: 60, perSecond: 8, mix: MIX });
  const { events, counters } = await simulate(trace, engine(small));
  expect(counters.preemptions).toBeGreaterThan(0);
  const slow: StepTimes = { run: { ...TIMES.run, run: 100 }, own: { run: 7, row: 0, token: 0 } };
  expect(timeless(await repeated(trace, events, small, slow))).toEqual(timeless(events));
});

describe('whatever comes', () => {
  const cases = fc.record({ trace: traces, limits });

  test('every request is answered with as many tokens as it asked for, one after the other', async () => {
    await forAll(
      cases,
      async ({ trace, limits }) => {
        const { requests, counters } = await simulate(trace, engine(limits));
        for (const [at, { arrivedMs, tokensMs, error }] of requests.entries()) {
          expect(error).toBeUndefined();
          expect(tokensMs.length).toBe(trace[at]?.output);
          for (const [token, ms] of tokensMs.entries())
            expect(ms).toBeGreaterThan(tokensMs[token - 1] ?? arrivedMs);
        }
        expect(counters.finished).toBe(trace.length);
      },
      RUNS,
    );
  });

  test('steps keep to the limits', async () => {
    await forAll(
      cases,
      async ({ trace, limits }) => {
        const { events } = await simulate(trace, engine(limits));
        const { maxNumSeqs = 0, maxNumBatchedTokens = 0 } = limits;
        const running = new Set<number>();
        for (const event of events) {
          if (event.kind === 'admit') running.add(event.request);
          if (event.kind === 'finish') running.delete(event.request);
          expect(running.size).toBeLessThanOrEqual(maxNumSeqs);
          if (event.kind === 'run') expect(event.rows).toBeLessThanOrEqual(maxNumSeqs);
          if (event.kind !== 'plan') continue;
          const tokens = event.runs.flat().reduce((sum, [, count]) => sum + count, 0);
          expect(tokens).toBeLessThanOrEqual(maxNumBatchedTokens);
        }
      },
      RUNS,
    );
  });

  test('nobody is overtaken for ever: who comes first by the policy is never preempted, and is admitted first', async () => {
    await forAll(
      cases,
      async ({ trace, limits }) => {
        const { events } = await simulate(trace, engine(limits));
        const priority = (request: number) =>
          limits.policy === 'priority' ? (trace[request - 1]?.priority as number) : 0;
        const before = (a: number, b: number) => priority(b) - priority(a) || a - b;
        const shares = trace.some(({ prompt }) => prompt.length > 1);
        const [waiting, started] = [new Set<number>(), new Set<number>()];
        let admitted: number[] = [];
        for (const event of events) {
          if (event.kind === 'arrive') waiting.add(event.request);
          if (event.kind === 'preempt') expect(event.request).not.toBe([...started].sort(before)[0]);
          if (event.kind === 'finish') started.delete(event.request);
          if (event.kind === 'admit' && waiting.delete(event.request)) {
            started.add(event.request);
            admitted.push(event.request);
          }
          if (event.kind !== 'step') continue;
          // One that waits for the prefix that another computes may be overtaken.
          if (!shares)
            for (const one of admitted)
              for (const other of waiting) expect(before(one, other)).toBeLessThan(0);
          admitted = [];
        }
      },
      RUNS,
    );
  });

  test('while there is work the engine works: what comes at once takes as long as its steps', async () => {
    await forAll(
      fc.record({ seed: fc.nat(2 ** 31), limits }),
      async ({ seed, limits }) => {
        const trace = burstTrace({ seed, bursts: 1, size: 20, everyMs: 0, mix: MIX });
        const { requests, events } = await simulate(trace, engine(limits));
        const end = Math.max(...requests.map(({ tokensMs }) => tokensMs.at(-1) as number));
        expect(end).toBeCloseTo(sum(events.map(timeOf)), 6);
      },
      RUNS,
    );
  });
});

test('a pool that is too small for all preempts, and loses nothing but time', async () => {
  const trace = burstTrace({ seed: 1, bursts: 1, size: 16, everyMs: 0, mix: { ...MIX, output: [30, 40] } });
  const ends = async (kvBlocks: number) => {
    const { requests, counters } = await simulate(trace, engine({ kvBlocks }));
    expect(requests.map(({ tokensMs }) => tokensMs.length)).toEqual(trace.map(({ output }) => output));
    return [counters.preemptions, Math.max(...requests.map(({ tokensMs }) => tokensMs.at(-1) as number))];
  };
  const [[preempted, late], [none, soon]] = [await ends(30), await ends(513)] as [number[], number[]];
  expect(none).toBe(0);
  expect(preempted).toBeGreaterThan(0);
  expect(late).toBeGreaterThan(soon as number);
});

test('the only one in a step may be the one that gives way', async () => {
  // The second takes the blocks that the first needs for the end of its prompt; then it needs one more itself.
  const request = (prompt: number, output: number) => ({
    ...{ atMs: 0, prompt: [[prompt, prompt] as const], output, priority: 0 },
  });
  const { requests, events } = await simulate(
    [request(176, 1), request(2, 60)],
    engine({ kvBlocks: 13, watermark: 0, maxNumSeqs: 2, maxNumBatchedTokens: 5, maxModelLen: 192 }),
  );
  const gone = events.findIndex(({ kind }) => kind === 'preempt');
  expect(events[gone - 1]).toMatchObject({ kind: 'plan', runs: [[[expect.anything(), 1]]] });
  expect(events[gone + 1]).toMatchObject({ kind: 'step' });
  expect(requests.map(({ tokensMs }) => tokensMs.length)).toEqual([1, 60]);
});

test('one at a time is the queue of the textbooks', async () => {
  // Lindley: who comes finds what the one before it found, and its service, less what has passed since.
  const mix: RequestMix = { prompt: [5, 100], output: [1, 1] };
  const trace = poissonTrace({ seed: 7, requests: 1_000, perSecond: 12, mix });
  const { requests } = await simulate(trace, engine({ maxNumSeqs: 1, prefixCache: false }));
  const cost = runCost(TIMES.run);
  let [free, waited] = [0, 0];
  for (const [at, request] of trace.entries()) {
    const length = promptLength(request);
    const service = cost(1, length, Math.ceil(length / 16) * 16) + ownTime(TIMES.own, 1, length);
    waited += Math.max(0, free - request.atMs);
    free = Math.max(free, request.atMs) + service;
    expect(requests[at]?.tokensMs[0]).toBeCloseTo(free, 6);
  }
  expect(waited).toBeGreaterThan(0);
});

test('who is more urgent waits less', async () => {
  const trace = poissonTrace({ seed: 8, requests: 300, perSecond: 11, mix: { ...MIX, priorities: 2 } });
  const wait = async (policy: PolicyName) => {
    const { requests } = await simulate(trace, engine({ policy, maxNumSeqs: 4 }));
    return [0, 1].map((priority) => {
      const those = requests.filter((_, at) => trace[at]?.priority === priority);
      return sum(those.map(({ arrivedMs, tokensMs: [first = 0] }) => first - arrivedMs)) / those.length;
    }) as [number, number];
  };
  const [[low, high], [lowFcfs, highFcfs]] = [await wait('priority'), await wait('fcfs')];
  expect(high).toBeLessThan(low / 4);
  // Without the policy there is no such difference.
  expect(highFcfs).toBeGreaterThan(lowFcfs / 2);
});

test('what the door refuses is said, and the others are answered', async () => {
  const trace = burstTrace({ seed: 2, bursts: 1, size: 12, everyMs: 0, mix: MIX });
  const { requests } = await simulate(trace, engine({ maxQueue: 5 }));
  expect(requests.map(({ error }) => error)).toEqual([...Array(5), ...Array(7).fill('HR_QUEUE_FULL')]);
  expect(requests.slice(0, 5).map(({ tokensMs }) => tokensMs.length)).toEqual(
    trace.slice(0, 5).map(({ output }) => output),
  );
});

test('times that are fitted to a log are those that made it', async () => {
  const trace = poissonTrace({ seed: 9, requests: 80, perSecond: 6, mix: MIX });
  const { events } = await simulate(trace, engine());
  const fitted = fitStepTimes(events);
  const [run, expected] = [runCost(fitted.run), runCost(TIMES.run)];
  for (const [rows, width, context] of [
    [1, 1, 64],
    [8, 1, 256],
    [1, 100, 160],
  ] as const) {
    expect(run(rows, width, context) / expected(rows, width, context)).toBeCloseTo(1, 6);
    expect(ownTime(fitted.own, rows, width) / ownTime(TIMES.own, rows, width)).toBeCloseTo(1, 6);
  }
});

test('fitted times add up to those of the log, also where some steps were held up', async () => {
  const random = seededRandom(11);
  const { events } = await simulate(
    poissonTrace({ seed: 9, requests: 80, perSecond: 6, mix: MIX }),
    engine(),
  );
  const held = () => (random() < 0.1 ? 6 : 1);
  const log = events.map((event): EngineEvent => {
    if (event.kind === 'run') return { ...event, ms: event.ms * held() };
    return event.kind === 'step' ? { ...event, ownMs: event.ownMs * held() } : event;
  });
  const fitted = fitStepTimes(log);
  const [run, expected] = [runCost(fitted.run), runCost(TIMES.run)];
  let [inRuns, besides] = [0, 0];
  for (const event of log) {
    if (event.kind !== 'run') continue;
    const { rows, width, blocks } = event;
    inRuns += run(rows, width, blocks * BLOCK_TOKENS);
    besides += ownTime(fitted.own, rows, width);
  }
  expect(inRuns).toBeCloseTo(sum(log.map((event) => (event.kind === 'run' ? event.ms : 0))), 6);
  expect(besides).toBeCloseTo(sum(log.map((event) => (event.kind === 'step' ? event.ownMs : 0))), 6);
  // The slow ones are no reason to take one kind of run for slower than another.
  const proportion = (cost: typeof run) => cost(1, 100, 160) / cost(8, 1, 256);
  expect(proportion(run) / proportion(expected)).toBeCloseTo(1, 3);
});

/** Does again what a log says, with other times: requests come where they came. */
async function repeated(
  trace: ArrivalTrace,
  log: readonly EngineEvent[],
  limits: Partial<CoreLimits>,
  times: StepTimes,
): Promise<EngineEvent[]> {
  const clock = new VirtualClock();
  const events: EngineEvent[] = [];
  const runner = new SimulatedRunner(clock, runCost(times.run));
  const core = new EngineCore(
    {
      ...{ runner, tokens: SILENT, salt: 'simulated', clock: clock.now, emit: () => {} },
      log: (event) => void events.push(event),
      cost: runCost(TIMES.run),
    },
    { ...LIMITS, ...limits },
  );
  for (const event of log) {
    if (event.kind === 'arrive')
      core.add(requestOf(trace[event.request - 1] as ArrivalTrace[number], event.request));
    if (event.kind === 'plan') await core.step();
  }
  return events;
}

const plans = (events: readonly EngineEvent[]) => events.filter(({ kind }) => kind === 'plan');
const timeless = (events: readonly EngineEvent[]) => events.map((event) => ({ ...event, ms: 0, ownMs: 0 }));
const timeOf = (event: EngineEvent) =>
  event.kind === 'run' ? event.ms : event.kind === 'step' ? event.ownMs : 0;
const sum = (numbers: readonly number[]): number => numbers.reduce((a, b) => a + b, 0);
