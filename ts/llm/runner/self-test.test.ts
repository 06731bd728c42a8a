import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { writeGguf } from '../../../test/llm/gguf-writer.ts';
import { QUANTISATIONS } from '../../../test/llm/quantise.ts';
import { type TinyOptions, tinyFile, tinyModel } from '../../../test/llm/tiny-model.ts';
import { Model, type ModelOptions } from '../model.ts';
import type { ModelRunner, Step, StepResult } from './runner.ts';
import { selfTest } from './self-test.ts';

const folder = mkdtempSync(path.join(tmpdir(), 'headrace-self-test-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** A model that was not tried yet, with room for the largest run. */
function load(tiny: TinyOptions = {}, options: ModelOptions = {}): Promise<Model> {
  const file = path.join(folder, 'tiny.gguf');
  writeFileSync(file, tinyFile({ context: 1024, ...tiny }));
  return Model.load(file, { cache: path.join(folder, 'cache'), threads: 1, selfTest: false, ...options });
}

/** Time is no matter here. */
const ENDLESS = { limitMs: 600_000 };

describe('the self-test', () => {
  const shapes: TinyOptions[] = [
    ...QUANTISATIONS.map((type) => ({ type })),
    { type: 'Q4_1', kvHeads: 4 },
    { type: 'Q8_0', kvHeads: 1 },
  ];
  test.each(shapes)('finds %j the same bits in every way', async (tiny) => {
    await using model = await load(tiny);
    const found = await selfTest(model.runner, ENDLESS);
    expect(found).toMatchObject({ deterministic: true, differences: [], leftOut: [] });
  });

  test('leaves out what the context has no room for', async () => {
    await using model = await load({ context: 20 });
    const widths = new Set<number>();
    const found = await selfTest(
      watched(model.runner, (step) => void widths.add(step.width)),
      ENDLESS,
    );
    expect(found).toMatchObject({ deterministic: true, leftOut: [] });
    expect(Math.max(...widths)).toBe(17);
  });

  // Without rounding, the runtime multiplies a single row by another kernel.
  test.each<TinyOptions>([{ type: 'Q4_1' }, { type: 'Q8_0' }])(
    'finds out that %j with exact activations has other bits where a token is alone',
    async (tiny) => {
      await using model = await load(tiny, { activations: 'float' });
      const found = await selfTest(model.runner, ENDLESS);
      expect(found.deterministic).toBe(false);
      expect(found.differences[0]).toMatch(/1 at once, and 2 at once/);
    },
  );
});

describe('a runner with other bits', () => {
  let model: Model;
  beforeAll(async () => {
    model = await load({ type: 'Q4_1', embedding: 'Q8_0' });
  });
  afterAll(() => model?.[Symbol.asyncDispose]());

  const context = ({ blocks, rows }: Step) => (blocks.length / rows) * 16;
  const ways: [where: string, when: (step: Step) => boolean][] = [
    ['in runs of more than one row', ({ rows }) => rows > 1],
    ['in runs of exactly 17 tokens', ({ rows, width }) => rows === 1 && width === 17],
    ['in runs of 512 tokens', ({ rows, width }) => rows * width === 512],
    ['behind cached tokens', ({ start }) => start.some((at) => at > 0n)],
    ['behind many cached tokens', ({ start }) => start.some((at) => at > 500n)],
    ['with blocks of padding', ({ rows, blocks }) => rows === 1 && blocks.length > 1 && blocks.includes(0n)],
    ['in long contexts', (step) => context(step) >= 512],
    ['without logits', (step) => !step.logits && step.rows === 1],
  ];
  const places: [what: string, in_: (result: StepResult) => Float32Array | undefined][] = [
    ['keys and values', ({ newKv }) => newKv],
    ['sums', ({ sums }) => sums],
  ];
  const cases = ways.flatMap(([where, when]) =>
    places.map(([what, place]) => ({ where, what, when, place })),
  );

  test.each(cases)('$where, in its $what, is found', async ({ when, place }) => {
    let flipped = 0;
    const runner = watched(model.runner, (step, result) => {
      if (!when(step)) return;
      const values = place(result);
      if (values === undefined) return;
      // One bit, in the last row's first token or its only sum: both are looked at.
      const at =
        values === result.newKv
          ? (step.rows - 1) * step.width * (values.length / (step.rows * step.width))
          : 0;
      flip(values, at);
      flipped++;
    });
    const found = await selfTest(runner, ENDLESS);
    expect(flipped).toBeGreaterThan(0);
    expect(found.deterministic).toBe(false);
  });

  test('in a single logit is found', async () => {
    const runner = watched(model.runner, ({ rows }, { logits }) => {
      if (rows > 1 && logits !== undefined) flip(logits, logits.length - 1);
    });
    expect(await selfTest(runner, ENDLESS)).toMatchObject({ deterministic: false });
  });

  test('that takes another of two equal logits is found', async () => {
    const runner = watched(model.runner, ({ rows }, { tokens }) => {
      if (rows > 1) tokens[0] = 511n - (tokens[0] as bigint);
    });
    expect(await selfTest(runner, ENDLESS)).toMatchObject({ deterministic: false });
  });

  test('tells a bounded number of differences', async () => {
    let times = 0;
    const runner = watched(model.runner, (_, { newKv }) => flip(newKv, times++ % newKv.length));
    const found = await selfTest(runner, ENDLESS);
    expect(found.differences.length).toBeGreaterThan(1);
    expect(found.differences.length).toBeLessThanOrEqual(8);
  });
});

describe('a model that cannot be compared', () => {
  test('takes no longer than it may, and what was left out is said', async () => {
    await using model = await load();
    let now = 0;
    // A run takes 20 ms and 2 ms a token.
    const runner = watched(model.runner, ({ rows, width }) => {
      now += 20 + 2 * rows * width;
    });
    const found = await selfTest(runner, { limitMs: 2_000, clock: () => now });
    expect(found.ms).toBeLessThanOrEqual(2_000);
    expect(found.deterministic).toBe(true);
    expect(found.leftOut).toContain('512 at once: there is no time for it');
  });

  test('is not said to be deterministic if there was no time for a second run', async () => {
    await using model = await load();
    let now = 0;
    const runner = watched(model.runner, () => {
      now += 1_000;
    });
    const found = await selfTest(runner, { limitMs: 1_500, clock: () => now });
    expect(found.deterministic).toBe(undefined);
    expect(found.leftOut.length).toBeGreaterThan(0);
  });

  test('whose large runs fail is compared by the others', async () => {
    await using model = await load();
    const runner = watched(model.runner, ({ width }) => {
      if (width > 64) throw new Error('out of memory');
    });
    const found = await selfTest(runner, ENDLESS);
    expect(found.deterministic).toBe(true);
    expect(found.leftOut).toEqual(['512 at once: the run failed (out of memory)']);
  });

  test('because every run fails is not said to be deterministic', async () => {
    await using model = await load();
    const runner = watched(model.runner, () => {
      throw new Error('no');
    });
    expect(await selfTest(runner, ENDLESS)).toMatchObject({ deterministic: undefined, differences: [] });
  });
});

describe('a model with weights that are not numbers', () => {
  /** A head of its own, and NaN in the embeddings of these tokens. */
  async function withNan(bad: (token: number) => boolean, tied: boolean): Promise<Model> {
    const { keys, tensors } = tinyModel({ context: 1024, tied });
    for (const { name, bytes } of tensors) {
      if (name !== 'token_embd.weight') continue;
      const floats = new Float32Array(bytes.buffer, bytes.byteOffset, bytes.length / 4);
      for (let token = 0; token < 512; token++) if (bad(token)) floats[token * 64 + 5] = Number.NaN;
    }
    const file = path.join(folder, 'nan.gguf');
    writeFileSync(file, writeGguf({ keys, tensors }));
    return Model.load(file, { cache: path.join(folder, 'cache'), threads: 1, selfTest: false });
  }

  test('in the embeddings of some tokens is compared over the others', async () => {
    await using model = await withNan((token) => token % 4 !== 0, false);
    const found = await selfTest(model.runner, ENDLESS);
    expect(found).toMatchObject({ deterministic: true, differences: [], leftOut: [] });
    const runner = watched(model.runner, ({ rows }, { newKv }) => {
      if (rows > 1) flip(newKv, 0);
    });
    expect(await selfTest(runner, ENDLESS)).toMatchObject({ deterministic: false });
  });

  test.each([
    ['every embedding', () => true, false],
    ['a head that every token meets', (token: number) => token === 7, true],
  ])('in %s is not compared, which is said', async (_, bad, tied) => {
    await using model = await withNan(bad, tied);
    const found = await selfTest(model.runner, ENDLESS);
    expect(found).toMatchObject({ deterministic: undefined, differences: [] });
    expect(found.leftOut).toEqual(['everything: no token with finite logits was found']);
  });
});

/** A runner whose steps somebody looks at when they are done, and may change. */
function watched(runner: ModelRunner, look: (step: Step, result: StepResult) => void) {
  return {
    shape: runner.shape,
    pool: (blocks: number) => runner.pool(blocks),
    async run(step: Step, pool: ReturnType<ModelRunner['pool']>) {
      const result = await runner.run(step, pool);
      look(step, result);
      return result;
    },
  };
}

/** Turns the last bit of a float over. */
function flip(values: Float32Array, at: number): void {
  const bits = new Uint32Array(values.buffer, values.byteOffset, values.length);
  bits[at] = (bits[at] as number) ^ 1;
}
