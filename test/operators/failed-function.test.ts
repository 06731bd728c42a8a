/** A function that has failed is not called again, though batches lie ready for it. */
import { expect, test } from 'vitest';
import { generate, run, sink, source, t } from '../../ts/index.ts';

const schema = { id: t.i64() };
const rows = source.generator({ rows: 100_000, columns: { id: generate.sequence() } });

test.each([
  ['throws', false],
  ['rejects', true],
])('when it %s', async (_, later) => {
  let calls = 0;
  const fail = async () => {
    // Long enough for the next batches to be there.
    await new Promise((resolve) => setTimeout(resolve, 30));
    throw new Error('no');
  };
  const mapped = rows.mapBatches(
    (batch) => {
      calls += 1;
      if (later) return fail();
      if (calls === 1) throw new Error('no');
      return batch;
    },
    { schema },
  );
  const job = await run(mapped.to(sink.blackhole()), { batchRows: 1000 });
  await expect(job.done).rejects.toThrow('HR_USER_FUNCTION_FAILED');
  await new Promise((resolve) => setTimeout(resolve, 50));
  expect(calls).toBe(1);
});
