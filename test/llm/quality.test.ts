/**
 * The quality of a real model as it is run: against the same weights as floats, on two texts. It takes about five minutes and
 * 700 MB of disk, so it runs on demand: `headrace model pull smollm2`, then `HEADRACE_FULL=1 npm test -- vitest test/llm`.
 */
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { FileSource } from '../../ts/llm/gguf/byte-source.ts';
import { readGguf } from '../../ts/llm/gguf/gguf.ts';
import { modelCache } from '../../ts/llm/import/cache.ts';
import { Model } from '../../ts/llm/model.ts';
import { catalogueEntry } from '../../ts/llm/pull/pull.ts';
import { writeFloatCopy } from './float-copy.ts';
import { referenceEncoder } from './reference-tokenizer.ts';

const root = path.resolve(import.meta.dirname, '../..');
const file = path.join(modelCache(), catalogueEntry('smollm2').file);
const lacking =
  process.env.HEADRACE_FULL !== '1'
    ? 'HEADRACE_FULL=1 is not set'
    : existsSync(file)
      ? undefined
      : 'the weights are missing (npm run headrace -- model pull smollm2)';
if (lacking !== undefined)
  console.warn(`\n*** The quality of real weights was NOT tested: ${lacking}. ***\n`);

const WINDOW = 512;
const TOKENS = 2_048;
const PERPLEXITY_RATIO_MAX = 1.005;
const LONG = { timeout: 300_000 };

/** The logarithms of the probabilities that logits stand for, in nats. */
function logProbabilities(logits: Float32Array): Float64Array {
  const largest = logits.reduce((most, logit) => Math.max(most, logit), Number.NEGATIVE_INFINITY);
  const total = logits.reduce((sum, logit) => sum + Math.exp(logit - largest), 0);
  return Float64Array.from(logits, (logit) => logit - largest - Math.log(total));
}

/** How far the model is from the reference on a text: mean Kullback–Leibler divergence in nats, and both perplexities. */
async function compare(reference: Model, model: Model, text: string) {
  const tokens = model.tokenizer.encode(text).slice(0, TOKENS);
  const sums = { divergence: 0, reference: 0, ours: 0, positions: 0, predictions: 0 };
  for (let from = 0; from < tokens.length; from += WINDOW) {
    const window = tokens.slice(from, from + WINDOW);
    const expected = await reference.logits(window);
    const actual = await model.logits(window);
    for (const [at, row] of expected.entries()) {
      const p = logProbabilities(row);
      const q = logProbabilities(actual[at] as Float32Array);
      sums.divergence += p.reduce((sum, log, id) => sum + Math.exp(log) * (log - (q[id] as number)), 0);
      sums.positions++;
      const next = window[at + 1];
      if (next === undefined) continue;
      sums.reference -= p[next] as number;
      sums.ours -= q[next] as number;
      sums.predictions++;
    }
  }
  const perplexity = (loss: number) => Math.exp(loss / sums.predictions);
  return {
    tokens: tokens.length,
    divergence: sums.divergence / sums.positions,
    reference: perplexity(sums.reference),
    ours: perplexity(sums.ours),
  };
}

describe.skipIf(lacking !== undefined)('SmolLM2-135M-Instruct', () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'headrace-quality-'));
  let model: Model;
  let reference: Model;
  beforeAll(async () => {
    const copy = path.join(folder, 'floats.gguf');
    writeFloatCopy(file, copy);
    reference = await Model.load(copy, { cache: path.join(folder, 'cache') });
    model = await Model.load(file);
  }, 300_000);
  afterAll(async () => {
    await reference?.[Symbol.asyncDispose]();
    await model?.[Symbol.asyncDispose]();
    rmSync(folder, { recursive: true, force: true });
  });

  const read = (name: string) => readFileSync(path.join(root, name), 'utf8');
  const measured = new Map<string, ReturnType<typeof compare>>();
  const compared = (name: string) => {
    const found = measured.get(name) ?? compare(reference, model, read(name));
    measured.set(name, found);
    return found;
  };

  test.each(['LICENSE', 'ARCHITECTURE.md'])('is next to its weights as floats on %s', LONG, async (name) => {
    const found = await compared(name);
    console.log(name, found);
    expect(found.tokens).toBe(TOKENS);
    expect(found.divergence).toBeLessThanOrEqual(0.01);
  });

  test('loses at most half a percent of perplexity on LICENSE', LONG, async () => {
    const { ours, reference: floats } = await compared('LICENSE');
    expect(ours / floats).toBeLessThanOrEqual(PERPLEXITY_RATIO_MAX);
  });

  // Not reached: 0.70 % (standard error 0.21 %), all of it from rounding activations to 8 bits. Red once it is reached.
  test.fails('loses at most half a percent of perplexity on ARCHITECTURE.md', LONG, async () => {
    const { ours, reference: floats } = await compared('ARCHITECTURE.md');
    expect(ours / floats).toBeLessThanOrEqual(PERPLEXITY_RATIO_MAX);
  });

  test('loses nothing where activations are not rounded', LONG, async () => {
    await using exact = await Model.load(file, { activations: 'float' });
    const { ours, reference: floats, divergence } = await compare(reference, exact, read('LICENSE'));
    expect(divergence).toBeLessThan(1e-6);
    expect(Math.abs(ours / floats - 1)).toBeLessThan(1e-4);
  });

  test('has the tokens of the reference', () => {
    using source = new FileSource(file);
    const { metadata } = readGguf(source);
    const encode = referenceEncoder({
      tokens: metadata.texts('tokenizer.ggml.tokens'),
      types: metadata.numbers('tokenizer.ggml.token_type'),
      merges: metadata.texts('tokenizer.ggml.merges'),
    });
    const text = `${readFileSync(path.join(root, 'ARCHITECTURE.md'), 'utf8')} 👩‍👩‍👧‍👦 日本語 don't\t\u0004 3.14 مرحبا \u{50000}`;
    expect(model.tokenizer.encode(text)).toEqual(encode(text));
  });

  test('has the same bits in every chunk', async () => {
    const tokens = model.tokenizer.encode(readFileSync(path.join(root, 'LICENSE'), 'utf8')).slice(0, 120);
    const whole = await model.logits(tokens, { from: 100 });
    for (const chunk of [64, 16, 7, 1])
      expect(await model.logits(tokens, { from: 100, chunk })).toEqual(whole);
  });
});
