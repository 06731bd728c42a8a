/** Tables and record batches of apache-arrow as rows. */
import * as arrow from 'apache-arrow';
import { describe, expect, it } from 'vitest';
import type { HeadraceError } from '../errors.ts';
import type { DataType, Field } from '../plan/generated.ts';
import { Batch } from './batch.ts';
import { concatChunks } from './concat.ts';
import { arrowFields, isArrow } from './from-arrow.ts';
import { toChunks } from './to-arrays.ts';

function batchOf(fields: readonly Field[], rows: unknown): Batch {
  const { numRows, columns } = concatChunks(fields, toChunks(fields, rows));
  return new Batch(fields, numRows, columns);
}

const field = (name: string, data: DataType, nullable = false): Field => ({ name, data, nullable });

describe('a table of apache-arrow', () => {
  it('hands over tables it built itself: dictionaries, slices, several batches', () => {
    const names = ['ORD', 'SFO', 'ORD', null, 'JFK'];
    const table = new arrow.Table({
      name: arrow.vectorFromArray(names),
      delay: arrow.vectorFromArray([1n, 2n, 3n, 4n, 5n]),
      late: arrow.vectorFromArray([true, false, true, true, null], new arrow.Bool()),
    });
    const fields = arrowFields(table);
    expect(fields.map(({ data }) => data.type)).toEqual(['utf8', 'i64', 'bool']);
    const all = names.map((name, row) => ({
      name,
      delay: BigInt(row + 1),
      late: [true, false, true, true, null][row],
    }));
    expect(batchOf(fields, table).rows()).toEqual(all);
    expect(batchOf(fields, table.slice(1, 4)).rows()).toEqual(all.slice(1, 4));
    expect(batchOf(fields, table.slice(3).concat(table.slice(0, 2))).rows()).toEqual([
      ...all.slice(3),
      ...all.slice(0, 2),
    ]);
  });

  it('is widened where a type of ours holds all its values', () => {
    const table = new arrow.Table({
      small: arrow.vectorFromArray([-1, 2], new arrow.Int8()),
      unsigned: arrow.vectorFromArray([4_000_000_000, 1], new arrow.Uint32()),
      ms: arrow.vectorFromArray([new Date(-1), new Date(5)], new arrow.TimestampMillisecond()),
      day: arrow.vectorFromArray([new Date(86_400_000), new Date(-86_400_000)], new arrow.DateMillisecond()),
    });
    const fields = arrowFields(table);
    expect(fields.map(({ data }) => data.type)).toEqual(['i32', 'i64', 'timestamp', 'date']);
    expect(batchOf(fields, table).rows()).toEqual([
      { small: -1, unsigned: 4_000_000_000n, ms: -1000n, day: 1 },
      { small: 2, unsigned: 1n, ms: 5000n, day: -1 },
    ]);
    const wider = [field('small', { type: 'f64' }, true)];
    expect(batchOf(wider, table).rows()).toEqual([{ small: -1 }, { small: 2 }]);
  });

  it('keeps its dictionaries where they are declared, whatever their layout', () => {
    const text = new arrow.Utf8();
    const words = ['ORD', null, 'SFO', 'ORD', 'é'];
    const tables = [new arrow.Int8(), new arrow.Int16(), new arrow.Int32(), new arrow.Uint32()].map(
      (places) => {
        return new arrow.Table({ name: arrow.vectorFromArray(words, new arrow.Dictionary(text, places)) });
      },
    );
    const fields = [field('name', { type: 'dictionary' }, true)];
    const plain = new arrow.Table({ name: arrow.vectorFromArray(words, text) });
    for (const table of [...tables, plain] as arrow.Table[]) {
      const rows = words.map((name) => ({ name }));
      expect(batchOf(fields, table).rows()).toEqual(rows);
      expect(batchOf(fields, table.slice(1, 4)).rows()).toEqual(rows.slice(1, 4));
      const twice = batchOf(fields, table.slice(3).concat(table.slice(0, 2)));
      expect(twice.rows()).toEqual([...rows.slice(3), ...rows.slice(0, 2)]);
      // The same dictionary twice stays one; texts have one that holds what occurs.
      expect(twice.arrays[0]?.children[0]?.length).toBe(table === plain ? 2 : 3);
    }
    const [bytes] = batchOf(fields, tables[2]).arrays[0]?.buffers ?? [];
    expect(bytes?.buffer).toBe(tables[2]?.getChild('name')?.data[0]?.values.buffer);
    // Dictionaries in several pieces, or with a null among their values.
    const make = (...pieces: arrow.Vector<arrow.Utf8>[]) => {
      const type = new arrow.Dictionary(text, new arrow.Int32());
      const dictionary = new arrow.Vector(pieces.flatMap((piece) => piece.data));
      const data = arrow.makeData({
        type,
        length: 3,
        nullCount: 0,
        data: Int32Array.of(2, 0, 1),
        dictionary,
      });
      return new arrow.Table({ name: new arrow.Vector([data]) });
    };
    const pieces = make(arrow.vectorFromArray(['a', 'b'], text), arrow.vectorFromArray(['c'], text));
    expect(batchOf(fields, pieces).rows()).toEqual(['c', 'a', 'b'].map((name) => ({ name })));
    const holed = make(arrow.vectorFromArray(['a', null, 'c'], text));
    expect(batchOf(fields, holed).rows()).toEqual(['c', 'a', null].map((name) => ({ name })));
    const numbers = new arrow.Dictionary(new arrow.Int32(), new arrow.Int32());
    const other = new arrow.Table({ name: arrow.vectorFromArray([1, 2], numbers) });
    expect(() => batchOf(fields, other)).toThrow(/HR_TYPE_MISMATCH.*'name'/);
  });

  it('joins batches of ours, each with a dictionary of its own', () => {
    const fields = [field('name', { type: 'dictionary' })];
    const table = new arrow.Table(
      [
        ['a', 'b'],
        ['b', 'c', 'b'],
      ].map((names) => batchOf(fields, { name: names }).toArrow()),
    );
    expect([...(table.getChild('name') ?? [])]).toEqual(['a', 'b', 'b', 'c', 'b']);
    const read = arrow.tableFromIPC(arrow.tableToIPC(table, 'stream'));
    const back = batchOf(fields, read);
    expect(back.column('name').toArray()).toEqual(['a', 'b', 'b', 'c', 'b']);
    expect(back.arrays[0]?.children[0]?.length).toBe(3);
  });

  it('is refused with a code: other types, missing columns, nulls where none may be', () => {
    const table = new arrow.Table({ a: arrow.vectorFromArray([1, null], new arrow.Float64()) });
    const code = (fields: readonly Field[]) => {
      try {
        toChunks(fields, table);
        return null;
      } catch (error) {
        return (error as HeadraceError).code;
      }
    };
    expect(code([field('a', { type: 'f64' }, true)])).toBeNull();
    expect(code([field('a', { type: 'f64' })])).toBe('HR_TYPE_MISMATCH');
    expect(code([field('a', { type: 'i64' }, true)])).toBe('HR_TYPE_MISMATCH');
    expect(code([field('b', { type: 'f64' }, true)])).toBe('HR_UNKNOWN_COLUMN');
    const time = new arrow.Table({ t: arrow.vectorFromArray([1n], new arrow.TimeMicrosecond()) });
    expect(() => arrowFields(time)).toThrow(/HR_TYPE_MISMATCH.*'t'/);
  });

  it('is told by structure, so that another copy of the package will do', () => {
    expect(isArrow(new arrow.Table({ a: arrow.vectorFromArray([1]) }))).toBe(true);
    expect(isArrow({ schema: { fields: [] }, numRows: 0, data: {} })).toBe(true);
    expect([null, [], {}, { schema: {} }].map(isArrow)).toEqual([false, false, false, false]);
  });
});
