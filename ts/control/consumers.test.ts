import { describe, expect, it } from 'vitest';
import { Batch } from '../arrow/batch.ts';
import { encodeRows } from '../arrow/rows.ts';
import type { Field } from '../plan/generated.ts';
import { batchStream, collector, consoleTable } from './consumers.ts';
import { formatInstant, formatTable } from './format-table.ts';

const fields: Field[] = [
  { name: 'id', data: { type: 'i64' }, nullable: false },
  { name: 'at', data: { type: 'timestamp' }, nullable: true },
];
const batch = (...ids: bigint[]) => {
  const rows = ids.map((id) => ({ id, at: null }));
  return new Batch(fields, rows.length, encodeRows(fields, rows));
};
const ids = (of: Batch<object> | undefined) => of?.rows().map((row) => (row as { id: bigint }).id);

describe('collect', () => {
  it('gathers rows, anew for each run, and only so many', () => {
    const { consumer, rows } = collector(3);
    consumer.consume(batch(1n, 2n));
    expect(rows).toHaveLength(2);
    expect(() => consumer.consume(batch(3n, 4n))).toThrow('more than 3 rows');
    consumer.start?.();
    expect(rows).toEqual([]);
  });
});

describe('for await over batches', () => {
  it('holds the sink back until the loop asks for more', async () => {
    const { consumer, batches } = batchStream(() => {});
    let taken = 0;
    const offer = async (id: bigint) => {
      await consumer.consume(batch(id));
      taken += 1;
    };
    void offer(1n).then(() => offer(2n));
    await new Promise(setImmediate);
    expect(taken).toBe(0);
    expect(ids((await batches.next()).value)).toEqual([1n]);
    await new Promise(setImmediate);
    expect(taken).toBe(1);
    expect(ids((await batches.next()).value)).toEqual([2n]);
    const last = batches.next();
    await consumer.finish?.();
    expect(await last).toEqual({ done: true, value: undefined });
    expect(await batches.next()).toEqual({ done: true, value: undefined });
  });

  it('throws what the job failed with, once', async () => {
    const { consumer, batches } = batchStream(() => {});
    consumer.fail?.(new Error('broken'));
    await expect(batches.next()).rejects.toThrow('broken');
    expect((await batches.next()).done).toBe(true);
  });

  it('left early lets the sink go on and tells the job', async () => {
    let left = 0;
    const { consumer, batches } = batchStream(() => {
      left += 1;
    });
    const waiting = consumer.consume(batch(1n));
    for await (const item of batches) {
      expect(ids(item)).toEqual([1n]);
      void consumer.consume(batch(2n));
      break;
    }
    await waiting;
    expect(left).toBe(1);
    expect(consumer.consume(batch(3n))).toBeUndefined();
  });
});

describe('the console', () => {
  it('shows the first rows and says how many it left out', () => {
    let text = '';
    const table = consoleTable(2, (part) => {
      text += part;
    });
    table.start?.();
    void table.consume(batch(1n));
    void table.consume(batch(20n, 3n));
    void table.finish?.();
    expect(text).toBe('id  at\n──  ──\n 1  ∅\nid  at\n──  ──\n20  ∅\n… and 1 more rows\n');
  });

  it('writes instants, dates, lists and structs as people read them', () => {
    const columns: Field[] = [
      { name: 't', data: { type: 'timestamp' }, nullable: false },
      { name: 'd', data: { type: 'date' }, nullable: false },
      {
        name: 'l',
        data: { type: 'list', item: { type: 'struct', fields: [fields[0] as Field] } },
        nullable: false,
      },
    ];
    const rows = [{ t: 978_307_200_500_000n, d: 1, l: [{ id: 7n }, null] }];
    expect(formatTable(columns, rows).split('\n')[2]).toBe('2001-01-01 00:00:00.5  1970-01-02  [{id: 7}, ∅]');
    expect(formatInstant(-1n)).toBe('1969-12-31 23:59:59.999999');
    expect(formatInstant(2n ** 63n - 1n)).toBe('9223372036854775807');
  });
});
