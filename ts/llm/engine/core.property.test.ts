/**
 * Random requests in random engines: they come and are cancelled while the model runs, some make it throw or compute what is no
 * number, and there is room for few of them. Each has the tokens, texts and logprobs that it has alone.
 */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { HashRunner, VOCABULARY } from '../../../test/llm/hash-runner.ts';
import { forAll } from '../../../test/seeds.ts';
import { isHeadraceError } from '../../errors.ts';
import type { PolicyName } from '../scheduler/policy.ts';
import { Detokenizer } from '../tokenizer/detokenizer.ts';
import { EngineCore } from './core.ts';
import type { CoreLimits } from './core-parts.ts';
import type { EngineEvent } from './engine-event.ts';
import type { EngineOutput } from './engine-output.ts';
import type { EngineTokens } from './engine-tokens.ts';
import { metricsOf } from './metrics.ts';
import type { GenerateOptions } from './options.ts';
import { resolveOptions } from './request.ts';

const RUNS = 120;
const PROMPT_MAX = 70;
const OUTPUT_MAX = 24;

/** Tokens are letters, two of each, so that stop strings lie across tokens; the last ones are parts of one character. */
const bytes = Array.from({ length: VOCABULARY }, (_, token) =>
  token < 56
    ? Buffer.from(String.fromCharCode(97 + (token >> 1)))
    : Uint8Array.of(0xe2, 0x82, 0xac).subarray(token % 3, (token % 3) + 1),
);
const TOKENS: EngineTokens = { ends: new Set([5]), bytes, detokenizer: () => new Detokenizer(bytes) };

interface Asked {
  readonly prompt: readonly number[];
  readonly options: GenerateOptions;
  /** When it comes, and how much later it is cancelled: runs and steps are counted. */
  readonly comes: number;
  readonly stays: number;
}

const TEXTS = [3, 4].map((salt) =>
  Array.from({ length: PROMPT_MAX }, (_, at) => (at * at * salt + at * 7 + salt) % 60),
);

const requests: fc.Arbitrary<Asked[]> = fc.array(
  fc
    .record({
      text: fc.constantFrom(...TEXTS),
      shared: fc.integer({ min: 0, max: PROMPT_MAX - 4 }),
      own: fc.array(fc.integer({ min: 0, max: VOCABULARY - 1 }), { minLength: 1, maxLength: 4 }),
      comes: fc.nat(40),
      stays: fc.oneof(
        { arbitrary: fc.constant(Number.POSITIVE_INFINITY), weight: 3 },
        { arbitrary: fc.nat(40), weight: 1 },
      ),
      options: fc.record(
        {
          maxTokens: fc.integer({ min: 1, max: OUTPUT_MAX }),
          minTokens: fc.constantFrom(0, 1),
          n: fc.constantFrom(1, 1, 2, 4),
          temperature: fc.constantFrom(0, 0.8),
          seed: fc.nat(9),
          logprobs: fc.constant(2),
          ignoreEos: fc.boolean(),
          frequencyPenalty: fc.constantFrom(0, 0.5),
          stop: fc.constantFrom([], ['ab', 'cde'], ['a', '€']),
          priority: fc.integer({ min: -1, max: 1 }),
          cacheSalt: fc.constantFrom('', 'other'),
        },
        { requiredKeys: ['maxTokens', 'minTokens', 'n', 'temperature', 'seed'] },
      ),
    })
    .map(({ text, shared, own, comes, stays, options }) => ({
      ...{ prompt: [...text.slice(0, shared), ...own], comes, stays, options },
    })),
  { minLength: 1, maxLength: 14 },
);

const limits: fc.Arbitrary<CoreLimits> = fc
  .record({
    kvBlocks: fc.integer({ min: 1 + Math.ceil((PROMPT_MAX + OUTPUT_MAX) / 16), max: 14 }),
    watermark: fc.nat(2),
    maxNumSeqs: fc.integer({ min: 1, max: 8 }),
    more: fc.nat(60),
    maxQueue: fc.integer({ min: 3, max: 14 }),
    maxChunkTokens: fc.integer({ min: 1, max: 64 }),
    maxRunCells: fc.constantFrom(200, 2_000, 2 ** 22),
    prefixCache: fc.boolean(),
    policy: fc.constantFrom<PolicyName>('fcfs', 'priority'),
  })
  .map(({ more, ...rest }) => ({
    ...{ ...rest, maxModelLen: PROMPT_MAX + OUTPUT_MAX, maxNumBatchedTokens: rest.maxNumSeqs + more },
  }));

const AMPLE: CoreLimits = {
  ...{ kvBlocks: 600, watermark: 0, maxNumSeqs: 8, maxNumBatchedTokens: 512, maxModelLen: 512, maxQueue: 1 },
  ...{ maxChunkTokens: 512, maxRunCells: 2 ** 22, prefixCache: false, policy: 'fcfs' },
};

/** What a request said: its answers, as text of each, and how it ended. */
interface Said {
  readonly answers: string[][];
  end: string | undefined;
}

/** An engine whose clock counts its runs and steps. */
class Scene {
  readonly core: EngineCore;
  readonly said = new Map<number, Said>();
  readonly events: EngineEvent[] = [];
  readonly cancelled = new Set<number>();
  #time = 0;
  #sums: Readonly<Record<string, number>> = {};
  #due: (() => void)[][] = [];

  constructor(limits: CoreLimits, fails: (rows: number) => boolean = () => false) {
    const runner = new HashRunner(({ rows }) => {
      this.tick();
      if (fails(rows)) throw new Error('no luck');
    });
    this.core = new EngineCore(
      {
        ...{ runner, tokens: TOKENS, salt: 'hash', clock: () => this.#time },
        emit: (outputs) => outputs.forEach(this.#take),
        log: (event) => this.events.push(event),
      },
      limits,
    );
  }

  at(time: number, what: () => void): void {
    this.#due[time] = [...(this.#due[time] ?? []), what];
  }

  tick(): void {
    for (const what of this.#due[this.#time++] ?? []) what();
    const { kv, waiting, running, ...sums } = metricsOf(this.core);
    const { queries, hits, misses, computed, allocations, evictions, copies, duplicates } = kv;
    const now = { ...sums, queries, hits, misses, computed, allocations, evictions, copies, duplicates };
    for (const [name, sum] of Object.entries(now))
      expect(sum, name).toBeGreaterThanOrEqual(this.#sums[name] ?? 0);
    this.#sums = now;
  }

  add(id: number, { prompt, options }: Asked): void {
    this.said.set(id, { answers: [], end: undefined });
    try {
      this.core.add({
        id,
        prompt: Uint32Array.from(prompt),
        options: resolveOptions(options, OUTPUT_MAX, 0n),
      });
    } catch (error) {
      if (!isHeadraceError(error)) throw error;
      (this.said.get(id) as Said).end = error.code;
    }
  }

  cancel(id: number): void {
    if (this.said.get(id)?.end !== undefined) return;
    this.cancelled.add(id);
    this.core.cancel(id);
  }

  async finish(): Promise<void> {
    for (let steps = 0; this.#time < this.#due.length || !this.core.idle; steps++) {
      if (steps > 20_000) throw new Error('The engine does not get on.');
      this.tick();
      if (!this.core.idle) await this.core.step();
      const now = this.core.blocks.counters();
      expect(now.free + now.used + 1).toBe(now.blocks);
      expect(now.sequences).toBe(this.core.requests.answers().length);
      for (const id of this.cancelled) expect(this.core.requests.request(id)).toBeUndefined();
    }
  }

  readonly #take = (output: EngineOutput): void => {
    const said = this.said.get(output.request) as Said;
    expect(said.end).toBeUndefined();
    if (output.kind === 'failed') {
      said.end = output.error.code;
      return;
    }
    for (const { choice, ...token } of output.tokens) {
      said.answers[choice] ??= [];
      said.answers[choice]?.push(JSON.stringify(token));
    }
    if (output.last) said.end = 'whole';
  };
}

const alone = async (asked: Asked): Promise<Said> => {
  const scene = new Scene(AMPLE);
  scene.add(1, asked);
  await scene.finish();
  return scene.said.get(1) as Said;
};

test('every request has the bits that it has alone, whoever comes, goes, fails or is preempted beside it', async () => {
  const cases = fc.record({ asked: requests, limits, failing: fc.array(fc.nat(60), { maxLength: 4 }) });
  const seen: Record<string, number> = {
    preemptions: 0,
    cancelled: 0,
    HR_MODEL_RUN: 0,
    whole: 0,
    copies: 0,
    hits: 0,
  };
  await forAll(
    cases,
    async ({ asked, limits, failing }) => {
      let runs = 0;
      const scene = new Scene(limits, (rows) => rows > 1 && failing.includes(runs++));
      for (const [at, one] of asked.entries()) {
        scene.at(one.comes, () => scene.add(at, one));
        if (one.stays < 1e3) scene.at(one.comes + one.stays, () => scene.cancel(at));
      }
      await scene.finish();
      for (const [at, one] of asked.entries()) {
        const { answers, end } = scene.said.get(at) as Said;
        const expected = await alone(one);
        const kinds = scene.events.flatMap((event) =>
          'request' in event && event.request === at ? [event.kind] : [],
        );
        seen[end ?? 'cancelled'] = (seen[end ?? 'cancelled'] ?? 0) + 1;
        if (end === 'HR_QUEUE_FULL' || end === 'HR_KV_CAPACITY') {
          expect(kinds).toEqual([]);
          continue;
        }
        expect(kinds[0]).toBe('arrive');
        expect(kinds.filter((kind) => ['finish', 'cancel', 'fail'].includes(kind))).toEqual([kinds.at(-1)]);
        if (end === undefined) expect(kinds.at(-1)).toBe('cancel');
        else expect(end).toBe(expected.end);
        if (end === 'whole') expect(answers).toEqual(expected.answers);
        else
          for (const [choice, tokens = []] of answers.entries()) {
            // One answer that fails ends the others, wherever they are.
            const known = expected.answers[choice] ?? [];
            const both = Math.min(tokens.length, end === 'HR_MODEL_RUN' ? known.length : tokens.length);
            expect(tokens.slice(0, both)).toEqual(known.slice(0, both));
          }
      }
      const { preemptions } = scene.core.counters;
      const { copies, hits } = scene.core.blocks.counters();
      for (const [name, more] of Object.entries({ preemptions, copies, hits }))
        seen[name] = (seen[name] ?? 0) + more;
      scene.core.blocks.resetPrefixCache();
      expect(scene.core.blocks.counters()).toMatchObject({
        used: 0,
        cached: 0,
        sequences: 0,
        free: limits.kvBlocks - 1,
      });
    },
    RUNS,
  );
  // A test that never comes to these would say nothing about them.
  if (process.env.HEADRACE_RUNS === undefined)
    expect(Object.entries(seen).filter(([, times]) => times < 10)).toEqual([]);
});
