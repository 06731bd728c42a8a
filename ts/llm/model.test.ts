import { mkdtempSync, readdirSync, rmSync, statSync, truncateSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { type WrittenKey, type WrittenTensor, writeGguf } from '../../test/llm/gguf-writer.ts';
import { oracleLogits } from '../../test/llm/oracle.ts';
import { QUANTISATIONS } from '../../test/llm/quantise.ts';
import { type TinyOptions, tinyModel } from '../../test/llm/tiny-model.ts';
import { importModel } from './import/import-model.ts';
import { Model, type ModelOptions } from './model.ts';
import { scatter, slotsOf } from './runner/scatter.ts';

const folder = mkdtempSync(path.join(tmpdir(), 'headrace-model-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const cache = path.join(folder, 'cache');

let files = 0;
function put(keys: readonly WrittenKey[], tensors: readonly WrittenTensor[]): string {
  const file = path.join(folder, `${++files}.gguf`);
  writeFileSync(file, writeGguf({ keys, tensors }));
  return file;
}
function write(options: TinyOptions): string {
  const { keys, tensors } = tinyModel(options);
  return put(keys, tensors);
}
const load = (tiny: TinyOptions, options: ModelOptions = {}) =>
  Model.load(write(tiny), { cache, threads: 1, ...options });

/** 40 tokens: three blocks of the cache. */
const tokens = Array.from({ length: 40 }, (_, at) => (at * 197 + 31) % 512);

/** The difference of two lists of logits in relation to the size of the first, root mean squares. */
function difference(expected: readonly Float64Array[], actual: readonly Float32Array[]): number {
  expect(actual.length).toBe(expected.length);
  let error = 0;
  let size = 0;
  for (const [at, row] of expected.entries()) {
    expect(actual[at]?.length).toBe(row.length);
    for (const [index, logit] of row.entries()) {
      error += (logit - (actual[at]?.[index] ?? 0)) ** 2;
      size += logit ** 2;
    }
  }
  return Math.sqrt(error / size);
}

const shapes: TinyOptions[] = [
  ...QUANTISATIONS.map((type) => ({ type })),
  { type: 'Q4_1', embedding: 'Q8_0' },
  { type: 'Q8_0', embedding: 'F16', tied: false },
  { type: 'F32', tied: false, layers: 1 },
  { type: 'Q4_0', tied: false, heads: 4, kvHeads: 4 },
  { type: 'F32', heads: 4, kvHeads: 1, layers: 3 },
];

describe('logits', () => {
  test.each(shapes)('of %j equal those of the definition', async (tiny) => {
    const expected = oracleLogits(tinyModel(tiny), tokens);
    await using exact = await load(tiny, { activations: 'float' });
    expect(difference(expected, await exact.logits(tokens))).toBeLessThan(2e-5);
    // Rounding the activations to 8 bits is all that the fast way loses: 3.5 % at this width.
    await using fast = await load(tiny);
    expect(difference(expected, await fast.logits(tokens))).toBeLessThan(0.05);
  });

  test.each(shapes)('of %j are the same bits in every chunk and with two threads', async (tiny) => {
    await using model = await load(tiny);
    const whole = await model.logits(tokens);
    for (const chunk of [16, 7, 3, 1])
      expect(await model.logits(tokens, { chunk }), `${chunk}`).toEqual(whole);
    await using two = await load(tiny, { threads: 2 });
    expect(await two.logits(tokens, { chunk: 5 })).toEqual(whole);
    expect(await model.logits(tokens, { from: 37, chunk: 6 })).toEqual(whole.slice(37));
  });

  test.each([[[]], [[512]], [[-1]], [[1.5]], [Array(257).fill(1)]])('of %j are refused', async (wrong) => {
    await using model = await load({});
    await expect(model.logits(wrong)).rejects.toThrow(/HR_OPTION_INVALID/);
  });
});

describe('a step', () => {
  test('over rows of different length and place gives each the bits that it has alone', async () => {
    await using model = await load({ type: 'Q4_1', embedding: 'Q8_0' });
    const { runner, shape } = model;
    const pool = runner.pool(10);
    // The first row has 20 tokens behind it, in blocks that do not follow each other; the second begins.
    const before = BigInt64Array.from(tokens.slice(0, 20), BigInt);
    const prefix = await runner.run(
      {
        ...{ rows: 1, width: 20, logits: false, tokens: before },
        ...{
          start: BigInt64Array.of(0n),
          blocks: BigInt64Array.of(7n, 3n),
          score: BigInt64Array.of(0n, 19n),
        },
      },
      pool,
    );
    scatter(pool, shape, prefix.newKv, { width: 20, counts: [20], slots: slotsOf([7, 3], 0, 20) });
    const {
      logits,
      tokens: next,
      sums,
    } = await runner.run(
      {
        ...{ rows: 2, width: 4, logits: true },
        tokens: BigInt64Array.from([...tokens.slice(20, 23), 0, ...tokens.slice(0, 4)], BigInt),
        start: BigInt64Array.of(20n, 0n),
        blocks: BigInt64Array.of(7n, 3n, 0n, 9n, 0n, 0n),
        score: BigInt64Array.of(1n, 3n, 0n, 2n),
      },
      pool,
    );
    const alone = await model.logits(tokens.slice(0, 23));
    const expected = [alone[3] as Float32Array, alone[22] as Float32Array];
    expect(logits).toEqual(Float32Array.from(expected.flatMap((row) => [...row])));
    for (const [at, row] of expected.entries()) {
      expect(Number(next[at])).toBe(row.indexOf(Math.max(...row)));
      expect(sums[at]).toBeCloseTo(
        row.reduce((sum, logit) => sum + logit, 0),
        2,
      );
    }
  });

  test('that names what does not exist is refused', async () => {
    await using model = await load({});
    const pool = model.runner.pool(2);
    const sound = {
      ...{ rows: 1, width: 1, logits: false, tokens: BigInt64Array.of(1n), start: BigInt64Array.of(15n) },
      ...{ blocks: BigInt64Array.of(1n), score: BigInt64Array.of(0n, 0n) },
    };
    await expect(model.runner.run(sound, pool)).resolves.toBeDefined();
    for (const wrong of [
      { tokens: BigInt64Array.of(512n) },
      { tokens: BigInt64Array.of(-1n) },
      { start: BigInt64Array.of(16n) },
      { blocks: BigInt64Array.of(2n) },
      { score: BigInt64Array.of(0n, 1n) },
      { score: BigInt64Array.of(0n) },
      { rows: 2 },
    ]) {
      await expect(model.runner.run({ ...sound, ...wrong }, pool)).rejects.toThrow(/HR_OPTION_INVALID/);
    }
  });
});

describe('a file', () => {
  const { keys, tensors } = tinyModel();
  const without = (name: string) => tensors.filter((tensor) => tensor.name !== name);
  const more = (...key: WrittenKey) => [...keys.filter(([name]) => name !== key[0]), key];
  const extra = {
    name: 'rope_freqs.weight',
    type: 'F32',
    dimensions: [8],
    bytes: new Uint8Array(32),
  } as const;
  const vector = {
    name: 'blk.0.attn_q.bias',
    type: 'F32',
    dimensions: [64],
    bytes: new Uint8Array(256),
  } as const;
  const kquant = { name: 'blk.0.attn_q.weight', type: 12, dimensions: [256, 1], bytes: new Uint8Array(144) };
  const square = { name: 'blk.0.attn_q.weight', type: 12, dimensions: [64, 64], bytes: new Uint8Array(0) };

  test.each<[what: string, WrittenKey[], readonly WrittenTensor[], RegExp]>([
    [
      'another architecture',
      more('general.architecture', 'string', 'qwen2'),
      tensors,
      /architecture is 'qwen2'/,
    ],
    [
      'scaled positions',
      more('llama.rope.scaling.type', 'string', 'yarn'),
      tensors,
      /llama.rope.scaling.type/,
    ],
    [
      'a factor of positions',
      more('llama.rope.scaling.factor', 'f32', 4),
      tensors,
      /scaling.factor.*its value is 4/,
    ],
    ['a sliding window', more('llama.attention.sliding_window', 'u32', 128), tensors, /sliding_window/],
    ['experts', more('llama.expert_count', 'u32', 8), tensors, /llama.expert_count/],
    ['an unknown key', more('llama.attention.scale', 'f32', 1), tensors, /the key llama.attention.scale/],
    [
      'an unknown key of the tokenizer',
      more('tokenizer.ggml.charsmap', 'u8', 1),
      tensors,
      /tokenizer.ggml.charsmap/,
    ],
    ['half of the turns', more('llama.rope.dimension_count', 'u32', 8), tensors, /rope.dimension_count is 8/],
    ['values of another size', more('llama.attention.value_length', 'u32', 8), tensors, /value_length is 8/],
    ['an adapter', more('general.type', 'string', 'adapter'), tensors, /general.type is 'adapter'/],
    ['parts', more('split.count', 'u32', 2), tensors, /one of several parts/],
    ['old blocks', more('general.quantization_version', 'u32', 1), tensors, /quantization_version is 1/],
    ['factors of positions', [...keys], [...tensors, extra], /the tensor rope_freqs.weight is not supported/],
    ['a bias', [...keys], [...tensors, vector], /the tensor blk.0.attn_q.bias is not supported/],
    ['a missing tensor', [...keys], without('blk.1.ffn_up.weight'), /no tensor blk.1.ffn_up.weight/],
    ['another size', [...keys], [...without(kquant.name), kquant], /256×1, and 64×64 is needed/],
    ['blocks that do not fit', [...keys], [...without(square.name), square], /not whole blocks of 256/],
    ['no heads', more('llama.attention.head_count', 'u32', 0), tensors, /head_count is 0/],
    [
      'heads that do not divide',
      more('llama.attention.head_count_kv', 'u32', 3),
      tensors,
      /4 heads cannot share 3/,
    ],
    ['a layer too many', more('llama.block_count', 'u32', 3), tensors, /no tensor blk.2/],
    ['a layer too few', more('llama.block_count', 'u32', 1), tensors, /the tensor blk.1/],
    [
      'layers without end',
      more('llama.block_count', 'u32', 4_000_000_000),
      tensors,
      /block_count is 4000000000/,
    ],
    [
      'no epsilon',
      keys.filter(([key]) => !key.endsWith('epsilon')),
      tensors,
      /no llama.attention.layer_norm_rms_epsilon/,
    ],
  ])('with %s is refused by name, and leaves nothing behind', (_, someKeys, someTensors, why) => {
    const own = path.join(folder, `refused-${files}`);
    expect(() => importModel(put(someKeys, someTensors), { cache: own })).toThrow(why);
    expect(readdirSync(folder).includes(path.basename(own)) ? readdirSync(own) : []).toEqual([]);
  });

  test('that was damaged in a type that is known but not computed is refused by name', () => {
    const bytes = new Uint8Array((64 * 64 * 22) / 32);
    const q5 = { name: 'blk.0.attn_q.weight', type: 6, dimensions: [64, 64], bytes };
    expect(() => importModel(put(keys, [...without(q5.name), q5]), { cache })).toThrow(
      /HR_MODEL_UNSUPPORTED: .*attn_q.weight is of type Q5_0/,
    );
  });
});

describe('the cache', () => {
  const own = path.join(folder, 'own');

  test('converts a file once, again when it is damaged, and another when the content is another', () => {
    const file = write({ type: 'Q8_0' });
    const first = importModel(file, { cache: own });
    const made = statSync(first.graph).ino;
    expect(importModel(file, { cache: own }).graph).toBe(first.graph);
    expect(statSync(first.graph).ino).toBe(made);
    for (const name of ['model.onnx.data', 'model.onnx', 'seal.json']) {
      const part = path.join(path.dirname(first.graph), name);
      const size = statSync(part).size;
      truncateSync(part, size - 1);
      importModel(file, { cache: own });
      expect(statSync(part).size, name).toBe(size);
    }
    expect(importModel(write({ type: 'Q8_0', seed: 2 }), { cache: own }).graph).not.toBe(first.graph);
    expect(readdirSync(own).filter((name) => name.startsWith('.making-'))).toEqual([]);
  });

  test('removes what a process that died left there, after a day', () => {
    const [old, young] = ['.making-old', '.making-young'].map((name) => path.join(own, name));
    for (const left of [old, young]) writeFileSync(left as string, '');
    utimesSync(old as string, 0, 0);
    importModel(write({ seed: 3 }), { cache: own });
    expect(readdirSync(own)).toContain('.making-young');
    expect(readdirSync(own)).not.toContain('.making-old');
  });

  test('that cannot be written is named', () => {
    const file = write({ seed: 4 });
    expect(() => importModel(file, { cache: file })).toThrow(/HR_IO: The model cache .* cannot be written/);
  });
});
