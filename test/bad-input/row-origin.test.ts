/** A function that fails on one row: the error names the row by its place in the source. */
import { describe, expect, it } from 'vitest';
import { run, sink, source, t } from '../../ts/index.ts';

const rows = Array.from({ length: 40 }, (_, n) => ({ n: BigInt(n) }));
const numbers = source.rows(rows, { schema: { n: t.i64() } });
const schema = { n: t.i64() };

function failing({ n }: { n: bigint }): { n: bigint } {
  if (n === 33n) throw new RangeError('not this one');
  return { n };
}

describe.each([1, 7, 8192])('in batches of %i rows', (batchRows) => {
  it.each([
    ['a map that throws', numbers.map(failing, { schema })],
    ['a map that rejects', numbers.map(async (row) => failing(row), { schema })],
    ['a flat map that throws', numbers.flatMap((row) => [failing(row)], { schema })],
  ])('%s', async (_, stream) => {
    const job = await run([stream.to(sink.collect())], { batchRows });
    const error = await job.done.then(
      () => undefined,
      (reason) => reason,
    );
    expect(error).toMatchObject({ code: 'HR_USER_FUNCTION_FAILED', place: { row: '0:33' } });
    expect(error.place.at).toMatch(/row-origin\.test\.ts:\d+/);
    expect(error.cause).toBeInstanceOf(RangeError);
  });
});
