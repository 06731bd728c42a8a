import { describe, expect, test } from 'vitest';
import { HeadraceError } from '../errors.ts';
import { type RowSettings, type Sampled, type SampledRow, Sampler } from './sampler.ts';

const NONE = new Uint32Array();
const PLAIN: RowSettings = {
  ...{ temperature: 1, topK: 0, topP: 1, minP: 0 },
  ...{ repetitionPenalty: 1, presencePenalty: 0, frequencyPenalty: 0 },
  ...{ biased: NONE, biases: new Float64Array(), banned: NONE },
  ...{ seed: 0n, choice: 0, choices: 1, position: 0, logprobs: undefined },
};

const rowOf = (settings: Partial<RowSettings> = {}, others: Partial<SampledRow> = {}): SampledRow => ({
  ...{ row: 0, prompt: NONE, output: NONE, settings: { ...PLAIN, ...settings } },
  ...others,
});

const sampler = new Sampler();

/** Samples rows of as many logits as there are, and takes all for sound. */
function sample(logits: Float32Array, rows: readonly SampledRow[], vocabulary = logits.length): Sampled[] {
  return sampler.sample(logits, vocabulary, rows).map((one) => {
    if (one instanceof HeadraceError) throw one;
    return one;
  });
}

const VOCABULARY = 64;
/** From 5.4 downwards, and not in order. */
const logits = Float32Array.from({ length: VOCABULARY }, (_, token) => 6 * Math.cos(token * 37) ** 3);

describe('draws', () => {
  const prompt = Uint32Array.of(3, 9, 3);
  const output = Uint32Array.of(9, 12, 9);
  const penalties = { repetitionPenalty: 1.4, presencePenalty: 0.5, frequencyPenalty: 0.8 };
  const biases = { biased: Uint32Array.of(0, 7), biases: Float64Array.of(-2, 3), banned: Uint32Array.of(5) };
  const cases: Record<string, Partial<RowSettings>> = {
    'as they are': {},
    'a low temperature': { temperature: 0.6 },
    'a high temperature': { temperature: 2 },
    'top-k': { topK: 11 },
    'top-p': { topP: 0.8 },
    'min-p': { minP: 0.1 },
    penalties,
    'biases and bans': biases,
    everything: { temperature: 1.3, topK: 30, topP: 0.9, minP: 0.01, ...penalties, ...biases },
  };

  test.each(Object.entries(cases))('follow exp(logprobs): %s', (_, settings) => {
    const [all] = sample(logits, [rowOf({ temperature: 0, logprobs: VOCABULARY })]);
    const raw = new Map(all?.likeliest.map(({ token, logprob }) => [token, logprob]));
    const expected = wanted(raw, { ...PLAIN, ...settings }, prompt, output);
    const counts = new Map<number, number>();
    // 100,000 draws: 10 choices at 100 places of 100 seeds.
    for (let seed = 0n; seed < 100n; seed++) {
      const rows = Array.from({ length: 100 }, (_, position) =>
        rowOf({ ...settings, seed: seed * 0x1_0000_0001n, position, choices: 10 }, { prompt, output }),
      );
      for (const { tokens } of sample(logits, rows))
        for (const token of tokens) counts.set(token, (counts.get(token) ?? 0) + 1);
    }
    const { value, freedom } = chiSquare(counts, expected, 100_000);
    expect(freedom).toBeGreaterThan(1);
    expect(value, `χ² with ${freedom} degrees of freedom`).toBeLessThan(unusual(freedom));
  });

  test('would not pass for those of another temperature', () => {
    const [all] = sample(logits, [rowOf({ temperature: 0, logprobs: VOCABULARY })]);
    const raw = new Map(all?.likeliest.map(({ token, logprob }) => [token, logprob]));
    const counts = new Map<number, number>();
    const rows = Array.from({ length: 10_000 }, (_, position) => rowOf({ position, choices: 10 }));
    for (const { tokens } of sample(logits, rows))
      for (const token of tokens) counts.set(token, (counts.get(token) ?? 0) + 1);
    const { value, freedom } = chiSquare(
      counts,
      wanted(raw, { ...PLAIN, temperature: 1.05 }, NONE, NONE),
      100_000,
    );
    expect(value).toBeGreaterThan(unusual(freedom));
  });

  test('depend on seed, choice and position, and not on what is sampled beside them', () => {
    const keys = Array.from({ length: 60 }, (_, at) => ({
      ...{ seed: BigInt.asUintN(64, -BigInt(at % 5)), choice: at % 3, position: at % 4, logprobs: 3 },
    }));
    const two = Float32Array.of(...logits, ...logits.toReversed());
    const rows = keys.map((key, at) => rowOf(key, { row: at % 2 }));
    const together = sample(two, rows, VOCABULARY);
    const alone = rows.map((row) => sample(two, [row], VOCABULARY)[0]);
    expect(together).toEqual(alone);
    expect(together.toReversed()).toEqual(sample(two, rows.toReversed(), VOCABULARY));
    // All 60 keys differ.
    expect(
      new Set(
        sample(
          logits,
          rows.map((row) => ({ ...row, row: 0 })),
        ).map(({ tokens }) => tokens[0]),
      ).size,
    ).toBeGreaterThan(5);
  });
});

describe('logprobs', () => {
  test('are those of the definition, chosen and likeliest', () => {
    const [one] = sample(logits, [
      rowOf({ logprobs: 4, choices: 20, banned: Uint32Array.of(0), temperature: 2 }),
    ]);
    const sum = logits.reduce((sum, logit) => sum + Math.exp(logit), 0);
    const logprob = (token: number) => (logits[token] as number) - Math.log(sum);
    const ranked = [...logits.keys()].sort((a, b) => logprob(b) - logprob(a)).slice(0, 4);
    expect(one?.likeliest.map(({ token }) => token)).toEqual(ranked);
    for (const { token, logprob: found } of one?.likeliest ?? [])
      expect(found).toBeCloseTo(logprob(token), 12);
    expect(one?.logprobs).toHaveLength(20);
    for (const [choice, token] of one?.tokens.entries() ?? [])
      expect(one?.logprobs[choice]).toBeCloseTo(logprob(token), 12);
  });

  test('are none unless wanted, and only those of chosen tokens for 0', () => {
    expect(sample(logits, [rowOf(), rowOf({ logprobs: 0 })])).toMatchObject([
      { logprobs: [], likeliest: [] },
      { logprobs: [expect.any(Number)], likeliest: [] },
    ]);
  });
});

describe('a row', () => {
  test('of which nothing can be chosen fails alone', () => {
    const rows = Float32Array.of(1, 2, Number.NaN, 1, -Infinity, -Infinity, 1, 2);
    const asked = [0, 1, 2, 3].map((row) => rowOf({ temperature: 0, logprobs: 1 }, { row }));
    const [first, second, third, fourth] = sampler.sample(rows, 2, asked);
    expect(second).toMatchObject({ code: 'HR_MODEL_RUN', message: expect.stringContaining('finite') });
    expect(third).toMatchObject({ code: 'HR_MODEL_RUN', message: expect.stringContaining('above 0') });
    expect(first).toMatchObject({ tokens: [1] });
    expect(fourth).toEqual(first);
  });

  test('that does not exist, or settings that are impossible, are errors', () => {
    const ask = (row: SampledRow, vocabulary = 4) => sampler.sample(new Float32Array(8), vocabulary, [row]);
    expect(ask(rowOf({}, { row: 1 }))).toHaveLength(1);
    expect(() => ask(rowOf({}, { row: 2 }))).toThrow(/HR_INTERNAL/);
    expect(() => ask(rowOf(), 2 ** 32 - 1)).toThrow(/HR_INTERNAL/);
    expect(() => ask(rowOf(), 0)).toThrow(/HR_OPTION_INVALID/);
    const wrong: Partial<RowSettings>[] = [
      { temperature: -1 },
      { temperature: Number.NaN },
      { topK: 1.5 },
      { topP: 0 },
      { minP: 2 },
      { repetitionPenalty: 0 },
      { choices: 0 },
      { choices: -1 },
      { position: 2 ** 32 },
      { banned: Uint32Array.of(4) },
      { biased: Uint32Array.of(1) },
      { biased: Uint32Array.of(4), biases: Float64Array.of(1) },
    ];
    for (const settings of wrong)
      expect(() => ask(rowOf(settings)), JSON.stringify(settings)).toThrow(/HR_OPTION_INVALID/);
    expect(() => ask(rowOf({}, { prompt: Uint32Array.of(4) }))).toThrow(/HR_OPTION_INVALID/);
    expect(() => ask(rowOf({}, { output: Uint32Array.of(4) }))).toThrow(/HR_OPTION_INVALID/);
    // It can be used as before.
    expect(ask(rowOf({ temperature: 0 }))).toMatchObject([{ tokens: [0] }]);
  });
});

/** The distribution that settings make of a row, by token, as the definition reads. Only logprobs are known of the row. */
function wanted(
  raw: ReadonlyMap<number, number>,
  settings: RowSettings,
  prompt: Uint32Array,
  output: Uint32Array,
): Map<number, number> {
  // Penalties are about logits themselves, which logprobs give but for a summand.
  const summand = (logits[0] as number) - (raw.get(0) as number);
  const changed = new Map<number, number>();
  for (const [token, logprob] of raw) {
    if (settings.banned.includes(token)) continue;
    const bias = settings.biased.indexOf(token);
    let logit = logprob + summand + (bias < 0 ? 0 : (settings.biases[bias] as number));
    const times = output.filter((one) => one === token).length;
    if (times > 0 || prompt.includes(token))
      logit = logit > 0 ? logit / settings.repetitionPenalty : logit * settings.repetitionPenalty;
    if (times > 0) logit -= settings.presencePenalty + times * settings.frequencyPenalty;
    changed.set(token, Math.exp(logit / settings.temperature));
  }
  const most = Math.max(...changed.values());
  const ranked = [...changed].sort((a, b) => b[1] - a[1]).filter(([, part]) => part >= settings.minP * most);
  const first = settings.topK === 0 ? ranked : ranked.slice(0, settings.topK);
  const total = first.reduce((sum, [, part]) => sum + part, 0);
  let sum = 0;
  const left = first.filter(([, part]) => {
    const before = sum;
    sum += part;
    return before < settings.topP * total;
  });
  const whole = left.reduce((sum, [, part]) => sum + part, 0);
  return new Map(left.map(([token, part]) => [token, part / whole]));
}

/** Pearson's χ² of counts; what is expected less than five times is one cell, and what is not expected at all must not be there. */
function chiSquare(
  counts: ReadonlyMap<number, number>,
  expected: ReadonlyMap<number, number>,
  draws: number,
) {
  for (const token of counts.keys()) expect(expected.has(token), `token ${token}`).toBe(true);
  const cells: [found: number, expected: number][] = [];
  const rare: [found: number, expected: number] = [0, 0];
  for (const [token, part] of expected) {
    const cell: [number, number] = [counts.get(token) ?? 0, part * draws];
    if (cell[1] >= 5) cells.push(cell);
    else for (const at of [0, 1] as const) rare[at] += cell[at];
  }
  if (rare[1] >= 1) cells.push(rare);
  const value = cells.reduce((sum, [found, wanted]) => sum + (found - wanted) ** 2 / wanted, 0);
  return { value, freedom: cells.length - 1 };
}

/** What χ² exceeds once in a million times (Wilson and Hilferty 1931). The draws are always the same, and so is the outcome. */
function unusual(freedom: number): number {
  const ninth = 2 / (9 * freedom);
  return freedom * (1 - ninth + 4.753 * Math.sqrt(ninth)) ** 3;
}
