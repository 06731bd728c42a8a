/**
 * Finds out whether a model gives a token the same bits in every way of computing it on this machine. The kernels of the
 * runtime are chosen by processor and by the sizes of a run, and nothing else promises that they agree.
 */
import { BLOCK_TOKENS, leastWidth } from '../import/shape.ts';
import type { KvPool, ModelRunner, Step, StepResult } from './runner.ts';
import { SameBits } from './same-bits.ts';
import { scatter, slotsOf } from './scatter.ts';

/** New tokens of the runs that are compared: where kernels are known to change, and sizes that fill no tile. */
const WIDTHS = [1, 2, 3, 8, 17, 64, 512];
/** From this size on all smaller runs are compared, otherwise the next smaller one. */
const ALL_FROM = 64;
/** Rows of a batch, and its new tokens together. */
const [ROWS_MAX, BATCH_MAX] = [32, 128];
/** What the keys and values of a run and its cache may take together. */
const KV_BYTES_MAX = 2 ** 28;
/** Logits that a run may give: 16 MiB. */
const LOGITS_MAX = 2 ** 22;
/** Tokens that are tried out to find some with finite logits. */
const [CANDIDATES, CANDIDATES_MAX] = [8, 64];
/** The most that it takes, unless told otherwise. */
export const SELF_TEST_MS = 3_000;

/** What was found. */
export interface SelfTest {
  /** Whether all bits were the same; undefined if there was nothing to compare. */
  readonly deterministic: boolean | undefined;
  /** What differed, and between which ways of computing it; the first few. */
  readonly differences: readonly string[];
  /** What was not tried, and why. */
  readonly leftOut: readonly string[];
  /** How long it took. */
  readonly ms: number;
}

/** How it is done. */
export interface SelfTestOptions {
  /** Milliseconds. What would take longer than is left of them is not tried. */
  readonly limitMs?: number;
  readonly clock?: () => number;
}

/**
 * Runs the same tokens as one run and in parts, behind cached tokens, padded, and as rows of one batch, in runs of 1 to 512 new
 * tokens, and compares logits, likeliest tokens, sums, and keys and values. A run that fails counts as not tried.
 */
export async function selfTest(
  runner: Pick<ModelRunner, 'shape' | 'pool' | 'run'>,
  { limitMs = SELF_TEST_MS, clock = () => performance.now() }: SelfTestOptions = {},
): Promise<SelfTest> {
  const began = clock();
  const trial = new Trial(runner, began + limitMs, clock);
  await trial.all();
  const { differences, compared } = trial.same;
  const deterministic = differences.length > 0 ? false : compared > 0 ? true : undefined;
  return { deterministic, differences, leftOut: trial.leftOut, ms: clock() - began };
}

/** A row of a run: `count` tokens of the sequence from `start` on, with those before them in the cache. */
interface Row {
  readonly start: number;
  readonly count: number;
}

/** A way of computing tokens. */
interface Way {
  readonly name: string;
  readonly rows: readonly Row[];
  readonly width: number;
  /** Blocks of padding behind each row's own. */
  readonly nulls?: number;
  readonly logits?: boolean;
}

class Trial {
  readonly same = new SameBits();
  readonly leftOut: string[] = [];
  readonly #runner: Pick<ModelRunner, 'shape' | 'pool' | 'run'>;
  readonly #clock: () => number;
  readonly #deadline: number;
  readonly #least: number;
  #pool: KvPool;
  /** The sequence, and the blocks of its context: not in the order of the pool. */
  #tokens: readonly number[] = [];
  #blocks: readonly number[] = [];
  /** The largest run so far. */
  #largest: { tokens: number; ms: number } | undefined;

  constructor(runner: Pick<ModelRunner, 'shape' | 'pool' | 'run'>, deadline: number, clock: () => number) {
    this.#runner = runner;
    this.#deadline = deadline;
    this.#clock = clock;
    this.#least = leastWidth(runner.shape);
    this.#pool = runner.pool(2);
  }

  async all(): Promise<void> {
    const sound = await this.#soundTokens();
    if (sound.length === 0) return;
    const widths = WIDTHS.filter((width) => width <= this.#runner.shape.context);
    const fitting = widths.filter((width) => this.#bytes(width) <= KV_BYTES_MAX);
    const length = fitting.at(-1) ?? 0;
    this.#tokens = Array.from({ length }, (_, at) => sound[scrambled(at) % sound.length] as number);
    const blocks = Math.ceil(length / BLOCK_TOKENS);
    this.#blocks = Array.from({ length: blocks }, (_, at) => blocks - at);
    this.#pool = this.#runner.pool(blocks + 1);
    for (const [at, width] of fitting.entries()) {
      if (!(await this.#whole(width))) {
        for (const larger of fitting.slice(at + 1)) this.leftOut.push(`${larger} at once: nor for this`);
        return;
      }
      for (const way of this.#others(width)) await this.#compare(way);
    }
    if (fitting.length < widths.length)
      this.leftOut.push(`runs of more than ${length} tokens: their keys and values take too much memory`);
  }

  /** The first tokens of the sequence as one run; from then on they are in the cache. */
  async #whole(count: number): Promise<boolean> {
    const width = Math.max(count, this.#least);
    const result = await this.#compare({ name: `${count} at once`, rows: [{ start: 0, count }], width });
    if (result === undefined) return false;
    const slots = slotsOf(this.#blocks, 0, count);
    scatter(this.#pool, this.#runner.shape, result.newKv, { width, counts: [count], slots });
    return true;
  }

  /** The same tokens in other ways, in runs of up to `size` tokens. */
  *#others(size: number): Generator<Way> {
    const smaller = WIDTHS.filter((width) => width < size);
    for (const count of size < ALL_FROM ? smaller.slice(-1) : smaller) {
      const start = size - count;
      const width = Math.max(count, this.#least);
      yield { name: `${count} behind ${start} cached`, rows: [{ start, count }], width };
    }
    if (size === 1) return;
    if (size < (WIDTHS.at(-1) as number)) {
      const count = Math.ceil(size / 2);
      const name = `${count} padded to ${size}`;
      yield { name, rows: [{ start: size - count, count }], width: size, nulls: 3, logits: false };
    }
    yield this.#batch(size);
  }

  /** Tokens from everywhere as rows of one run, the last first; every third row is padded. */
  #batch(size: number): Way {
    const across = Math.min(size, ROWS_MAX);
    const width = Math.max(Math.ceil(Math.min(size, BATCH_MAX) / across), this.#least);
    const rows = Array.from({ length: across }, (_, at) => {
      const start = Math.floor(((across - 1 - at) * size) / across);
      const end = Math.floor(((across - at) * size) / across);
      return { start, count: at % 3 === 2 ? 1 : Math.min(end - start, width) };
    });
    return { name: `${across} rows of up to ${width}`, rows, width, nulls: 1 };
  }

  async #compare(way: Way): Promise<StepResult | undefined> {
    const result = await this.#run(way.name, this.#step(way));
    if (result === undefined) return undefined;
    const { vocabulary } = this.#runner.shape;
    const perToken = this.#perToken();
    for (const [row, { start, count }] of way.rows.entries()) {
      for (let at = 0; at < count; at++) {
        const from = (row * way.width + at) * perToken;
        const values = result.newKv.subarray(from, from + perToken);
        this.same.add(`the keys and values of token ${start + at}`, way.name, values);
      }
    }
    for (const [at, { position }] of this.#scored(way).entries()) {
      const choice = Float32Array.of(Number(result.tokens[at]), result.sums[at] as number);
      this.same.add(`the choice behind token ${position}`, way.name, choice);
      const logits = result.logits?.subarray(at * vocabulary, (at + 1) * vocabulary);
      if (logits !== undefined) this.same.add(`the logits behind token ${position}`, way.name, logits);
    }
    return result;
  }

  /** Runs a step if it can be expected to end in time. */
  async #run(name: string, step: Step): Promise<StepResult | undefined> {
    const began = this.#clock();
    const tokens = step.rows * step.width;
    if (began + this.#expected(tokens) > this.#deadline) {
      this.leftOut.push(`${name}: there is no time for it`);
      return undefined;
    }
    try {
      const result = await this.#runner.run(step, this.#pool);
      if (tokens >= (this.#largest?.tokens ?? 0)) this.#largest = { tokens, ms: this.#clock() - began };
      return result;
    } catch (error) {
      this.leftOut.push(`${name}: the run failed (${error instanceof Error ? error.message : error})`);
      return undefined;
    }
  }

  /** Milliseconds of a run: reading the weights takes as long as computing about 16 tokens; a quarter more for surprises. */
  #expected(tokens: number): number {
    if (this.#largest === undefined) return 0;
    return (1.25 * this.#largest.ms * (16 + tokens)) / (16 + this.#largest.tokens);
  }

  #step(way: Way): Step {
    const { rows, width, nulls = 0, logits = true } = way;
    const ends = rows.map(({ start }) => Math.ceil((start + width) / BLOCK_TOKENS));
    const perRow = Math.max(...ends) + nulls;
    const tokens = new BigInt64Array(rows.length * width);
    const blocks = new BigInt64Array(rows.length * perRow);
    for (const [row, { start, count }] of rows.entries()) {
      const own = this.#blocks.slice(0, Math.ceil((start + count) / BLOCK_TOKENS));
      blocks.set(BigInt64Array.from(own, BigInt), row * perRow);
      const given = this.#tokens.slice(start, start + count);
      tokens.set(BigInt64Array.from(given, BigInt), row * width);
    }
    const score = this.#scored(way).flatMap(({ row, index }) => [BigInt(row), BigInt(index)]);
    return {
      ...{ rows: rows.length, width, logits, tokens, blocks },
      start: BigInt64Array.from(rows, ({ start }) => BigInt(start)),
      score: BigInt64Array.from(score),
    };
  }

  /** The last tokens of each row, as many as there is room for their logits. */
  #scored({ rows }: Way): { row: number; index: number; position: number }[] {
    const each = Math.max(1, Math.floor(LOGITS_MAX / this.#runner.shape.vocabulary / rows.length));
    return rows.flatMap(({ start, count }, row) =>
      Array.from({ length: Math.min(each, count) }, (_, at) => {
        const index = count - 1 - at;
        return { row, index, position: start + index };
      }),
    );
  }

  /** Some tokens whose logits are finite: what becomes of others is no matter, and they would spoil what comes behind them. */
  async #soundTokens(): Promise<number[]> {
    const { vocabulary } = this.#runner.shape;
    for (let from = 0; from < CANDIDATES_MAX; from += CANDIDATES) {
      const ids = Array.from({ length: CANDIDATES }, (_, at) => scrambled(from + at) % vocabulary);
      const tokens = new BigInt64Array(CANDIDATES * this.#least);
      for (const [row, id] of ids.entries()) tokens[row * this.#least] = BigInt(id);
      const result = await this.#run('single tokens', {
        ...{ rows: CANDIDATES, width: this.#least, tokens, logits: false },
        ...{ start: new BigInt64Array(CANDIDATES), blocks: new BigInt64Array(CANDIDATES) },
        score: BigInt64Array.from(ids.flatMap((_, row) => [BigInt(row), 0n])),
      });
      const sound = ids.filter((_, row) => Number.isFinite(result?.sums[row]));
      if (sound.length > 0 || result === undefined) return sound;
    }
    this.leftOut.push('everything: no token with finite logits was found');
    return [];
  }

  /** Of the cache and of what a run adds to it. */
  #bytes(tokens: number): number {
    return 2 * 4 * this.#perToken() * tokens;
  }

  #perToken(): number {
    const { layers, kvHeads, headSize } = this.#runner.shape;
    return layers * 2 * kvHeads * headSize;
  }
}

/** Numbers that look as if drawn, and are always the same. */
const scrambled = (at: number): number => (Math.imul(at + 1, 0x9e3779b1) ^ (at << 7)) >>> 0;
