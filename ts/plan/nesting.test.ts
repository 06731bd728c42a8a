/** Chains of any length, and trees that are too deep for the plan. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { expect, test } from 'vitest';
import type { Bool, I64 } from '../api/expr-types.ts';
import { sink } from '../api/sink.ts';
import { source } from '../api/source.ts';
import { t } from '../api/types.ts';
import { run } from '../control/run.ts';
import { lower } from './lower.ts';
import { NESTING_MAX } from './nesting.ts';

const LINKS = 5000;
const rows = [0n, 1n, BigInt(LINKS - 1), BigInt(LINKS)].map((id) => ({ id }));
const stream = source.rows(rows, { schema: { id: t.i64() } });
const numbers = Array.from({ length: LINKS }, (_, number) => BigInt(number));

function depth(value: unknown): number {
  if (typeof value !== 'object' || value === null) return 0;
  return 1 + Math.max(0, ...Object.values(value).map(depth));
}

test.each<[string, (id: I64) => Bool, bigint[]]>([
  ['or', (id) => numbers.map((n): Bool => id.eq(n)).reduce((all, one) => all.or(one)), [0n, 1n, 4999n]],
  [
    'or from the right',
    (id) => numbers.map((n): Bool => id.eq(n)).reduceRight((all, one) => one.or(all)),
    [0n, 1n, 4999n],
  ],
  ['and', (id) => numbers.map((n): Bool => id.ne(n)).reduce((all, one) => all.and(one)), [5000n]],
  ['isIn', (id) => id.isIn(...numbers), [0n, 1n, 4999n]],
])('a chain of thousands (%s) is balanced and means the same', async (_, condition, expected) => {
  const out = stream.filter((f) => condition(f.id)).to(sink.collect());
  expect(depth(lower(out).plan.nodes[1]?.op)).toBeLessThan(25);
  await (await run(out)).done;
  expect(out.rows.map(({ id }) => id)).toEqual(expected);
});

test('the order of a chain stays, so that what is on the left still guards what is on the right', () => {
  const letters = [...'abcdefg'];
  const { plan } = lower(
    source
      .rows([], { schema: Object.fromEntries(letters.map((name) => [name, t.bool()])) })
      .filter((f) => letters.map((name) => f[name] as Bool).reduce((all, one) => all.and(one)))
      .to(sink.blackhole()),
  );
  const names = [...JSON.stringify(plan.nodes[1]?.op).matchAll(/"name":"(.)"/g)].map(([, name]) => name);
  expect(names).toEqual(letters);
});

/** `id + 1 + 1 + …` */
const sumOf = (links: number) =>
  stream.select((f) => ({ sum: Array.from({ length: links }).reduce<I64>((sum) => sum.plus(1n), f.id) }));

test('what nests as deep as it may runs, and its checkpoint can be read', async () => {
  // The operator, its columns, the one column, and at the end the constant and its literal take a level each.
  const links = NESTING_MAX - 5;
  const out = sumOf(links).to(sink.collect());
  const to = await mkdtemp(path.join(tmpdir(), 'headrace-nesting-'));
  try {
    for (const from of ['nothing', 'finished']) {
      const job = await run(out, { checkpoint: { every: '1s', to } });
      expect(job.restored.from).toBe(from);
      await job.done;
      expect(out.rows[0]?.sum).toBe(BigInt(links));
    }
  } finally {
    await rm(to, { recursive: true });
  }
});

test.each([NESTING_MAX - 4, 20_000])('a sum of %i is refused, at its operator', (links) => {
  const attempt = () => lower(sumOf(links).to(sink.blackhole()));
  expect(attempt).toThrow(
    /^HR_PLAN_INVALID: An expression or type nests deeper than 100 levels. \(in select/,
  );
  expect(attempt).toThrow(/at .*nesting\.test\.ts:\d+\) Compute parts of it with withColumns\(\) first/);
});
