import { tableFromArrays } from 'apache-arrow';
import { describe, expect, it } from 'vitest';
import { Batch } from '../arrow/batch.ts';
import type { Chunk } from '../arrow/to-arrays.ts';
import type { Field } from '../plan/generated.ts';
import type { HostSource } from './hosts.ts';
import { PullSource } from './pull-source.ts';

const schema: Field[] = [{ name: 'a', data: { type: 'f64' }, nullable: false }];
const pull = (iterable: unknown, batchRows = 3) => {
  return new PullSource({ kind: 'source', schema, iterable } as HostSource, batchRows);
};
const values = (chunk: Chunk | null) => {
  return chunk && new Batch(schema, chunk.numRows, chunk.columns).rows().map((row) => row.a);
};
async function all(source: PullSource): Promise<unknown[]> {
  const chunks: unknown[] = [];
  for (let chunk = await source.next(); chunk !== null; chunk = await source.next())
    chunks.push(values(chunk));
  return chunks;
}

describe('an iterable', () => {
  it('of rows is gathered into batches', async () => {
    expect(await all(pull([1, 2, 3, 4].map((a) => ({ a }))))).toEqual([[1, 2, 3], [4]]);
    async function* rows() {
      for (let a = 0; a < 7; a++) yield { a };
    }
    expect(await all(pull(rows()))).toEqual([[0, 1, 2], [3, 4, 5], [6]]);
  });

  it('of groups keeps them, in order with single rows between', async () => {
    const table = tableFromArrays({ a: Float64Array.of(5, 6) });
    const items = [{ a: 1 }, [{ a: 2 }, { a: 3 }], [], table, { a: Float64Array.of(7) }, { a: 8 }];
    expect(await all(pull(items))).toEqual([[1], [2, 3], [5, 6], [7], [8]]);
  });

  it('that pauses hands over what it has', async () => {
    let resume = () => {};
    async function* rows() {
      yield { a: 1 };
      await new Promise<void>((resolve) => {
        resume = resolve;
      });
      yield { a: 2 };
    }
    const source = pull(rows());
    expect(values(await source.next())).toEqual([1]);
    const next = source.next();
    resume();
    expect(values(await next)).toEqual([2]);
    expect(await source.next()).toBeNull();
  });

  it('that throws, or yields something else, rejects', async () => {
    // biome-ignore lint/correctness/useYield: it throws before it would.
    async function* broken(): AsyncGenerator<object> {
      throw new Error('no connection');
    }
    await expect(pull(broken()).next()).rejects.toThrow('no connection');
    await expect(pull([{ a: 'x' }]).next()).rejects.toThrow("column 'a' should be a number");
    await expect(pull([5]).next()).rejects.toThrow('row 0: should be an object, got the number 5');
  });

  it('is told when nobody reads on, even while it waits', async () => {
    let returned = 0;
    const iterator = {
      next: () => new Promise<never>(() => {}),
      return: () => {
        returned += 1;
        return Promise.reject(new Error('ignored'));
      },
      [Symbol.asyncIterator]: () => iterator,
    };
    const source = pull(iterator);
    void source.next();
    await new Promise(setImmediate);
    source.close();
    source.close();
    expect(returned).toBe(1);
  });
});
