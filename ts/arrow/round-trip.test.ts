/** Rows of random schemas to columns and back: through arenas, in pieces, and through apache-arrow's own format. */
import * as arrow from 'apache-arrow';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Layout } from '../binding.ts';
import type { DataType, Field } from '../plan/generated.ts';
import { type ArrayData, pack } from './array-data.ts';
import { Batch } from './batch.ts';
import { concatChunks } from './concat.ts';
import { encodeRows, type Row } from './rows.ts';
import { toChunks } from './to-arrays.ts';

// A failing run prints its seed; HEADRACE_SEED=<seed> replays it.
const seed = process.env.HEADRACE_SEED === undefined ? {} : { seed: Number(process.env.HEADRACE_SEED) };

/** Gathers columns into an arena, as the engine does. */
function gathered(columns: readonly ArrayData[]): { layout: Layout; arena: Uint8Array } {
  const { layout, buffers } = pack(columns);
  const padded = buffers.map((bytes) => Buffer.concat([bytes], Math.ceil(bytes.length / 64) * 64));
  return { layout, arena: new Uint8Array(Buffer.concat(padded)) };
}

function batchOf(fields: readonly Field[], rows: unknown): Batch {
  const { numRows, columns } = concatChunks(fields, toChunks(fields, rows));
  const { layout, arena } = gathered(columns);
  return Batch.view(fields, numRows, layout, arena);
}

const field = (name: string, data: DataType, nullable = false): Field => ({ name, data, nullable });

const scalars = [
  'bool',
  'i32',
  'i64',
  'f32',
  'f64',
  'utf8',
  'dictionary',
  'binary',
  'date',
  'timestamp',
  'duration',
] as const;

/** A type of column, nested at most `depth` deep. */
function dataTypes(depth = 2): fc.Arbitrary<DataType> {
  const scalar = fc.constantFrom(...scalars).map((type): DataType => ({ type }));
  if (depth === 0) return scalar;
  return fc.oneof(
    { weight: 4, arbitrary: scalar },
    { weight: 1, arbitrary: dataTypes(depth - 1).map((item): DataType => ({ type: 'list', item })) },
    { weight: 1, arbitrary: schemas(depth - 1, 3).map((fields): DataType => ({ type: 'struct', fields })) },
  );
}

/** Columns of distinct names. */
function schemas(depth = 2, columnsMax = 5): fc.Arbitrary<Field[]> {
  const column = fc.record({ data: dataTypes(depth), nullable: fc.boolean() });
  return fc.array(column, { minLength: 1, maxLength: columnsMax }).map((columns) => {
    return columns.map(({ data, nullable }, index) => ({ name: `c${index}`, data, nullable }));
  });
}

/** A value of a type as rows hold it; null only where allowed. */
function valuesOf(type: DataType, nullable: boolean): fc.Arbitrary<unknown> {
  const value = present(type);
  return nullable ? fc.option(value, { nil: null, freq: 4 }) : value;
}

function present(type: DataType): fc.Arbitrary<unknown> {
  switch (type.type) {
    case 'bool':
      return fc.boolean();
    case 'i32':
    case 'date':
      return fc.integer();
    case 'i64':
    case 'timestamp':
    case 'duration':
      return fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n });
    case 'f32':
      return fc.float();
    case 'f64':
      return fc.double();
    case 'utf8':
      return fc.oneof(fc.string({ unit: 'grapheme' }), fc.string({ unit: 'grapheme-ascii' }));
    case 'dictionary':
      return fc.constantFrom('', 'ORD', 'é', '𝄞 and more', 'SFO');
    case 'binary':
      return fc.uint8Array({ maxLength: 20 });
    case 'list':
      return fc.array(valuesOf(type.item, true), { maxLength: 4 });
    case 'struct':
      return rowsOf(type.fields);
  }
}

/** A row of a schema. */
function rowsOf(fields: readonly Field[]): fc.Arbitrary<Row> {
  const members = fields.map(({ name, data, nullable }) => [name, valuesOf(data, nullable)]);
  return fc.record(Object.fromEntries(members));
}

/** A schema with rows of it. */
function tables(rowsMax = 40): fc.Arbitrary<{ fields: Field[]; rows: Row[] }> {
  return schemas().chain((fields) => {
    return fc.array(rowsOf(fields), { maxLength: rowsMax }).map((rows) => ({ fields, rows }));
  });
}

describe('a batch', () => {
  it('gives back the rows it was made from', () => {
    fc.assert(
      fc.property(tables(), ({ fields, rows }) => {
        const batch = batchOf(fields, rows);
        expect(batch.numRows).toBe(rows.length);
        expect(batch.rows()).toEqual(rows);
        const [first] = fields;
        const column = batch.column(first?.name ?? '');
        expect(rows.map((_, row) => column.get(row))).toEqual(rows.map((row) => row[first?.name ?? '']));
        expect(column.nullCount).toBe(rows.filter((row) => row[first?.name ?? ''] === null).length);
      }),
      { numRuns: 500, ...seed },
    );
  });

  it('is the same in one piece or in several', () => {
    fc.assert(
      fc.property(tables(), fc.array(fc.nat(40), { maxLength: 3 }), ({ fields, rows }, cuts) => {
        const at = [0, ...cuts.map((cut) => Math.min(cut, rows.length)).sort((a, b) => a - b), rows.length];
        const pieces = at.slice(1).flatMap((to, index) => toChunks(fields, rows.slice(at[index], to)));
        const { numRows, columns } = concatChunks(fields, pieces);
        const { layout, arena } = gathered(columns);
        expect(Batch.view(fields, numRows, layout, arena).rows()).toEqual(rows);
      }),
      { numRuns: 300, ...seed },
    );
  });

  it('is a view on its arena', () => {
    const { layout, arena } = gathered(encodeRows([field('a', { type: 'f64' })], [{ a: 1 }, { a: 2 }]));
    const batch = Batch.view<{ a: number }>([field('a', { type: 'f64' })], 2, layout, arena);
    batch.column('a').values[1] = 7;
    expect(new Float64Array(arena.buffer, layout[5], 2)).toEqual(Float64Array.of(1, 7));
  });

  it('names its columns when asked for another', () => {
    const batch = batchOf([field('a', { type: 'f64' })], []);
    expect(() => batch.column('b')).toThrow(/HR_UNKNOWN_COLUMN.*'b'.*columns are a/);
  });

  it('refuses a layout that does not fit its schema', () => {
    const { layout, arena } = gathered(encodeRows([field('a', { type: 'utf8' })], [{ a: 'x' }]));
    expect(() => Batch.view([field('a', { type: 'f64' })], 1, layout, arena)).toThrow('HR_INTERNAL');
  });
});

describe('apache-arrow', () => {
  it('reads our batches without a copy, every type and null', () => {
    fc.assert(
      fc.property(dataTypes(1), fc.boolean(), fc.nat(30), (data, nullable, length) => {
        const values = fc.sample(valuesOf(data, nullable), { numRuns: length, seed: length });
        const fields = [field('c0', data, nullable)];
        const record = batchOf(fields, { c0: values }).toArrow();
        expect(record.numRows).toBe(length);
        // Through Arrow's own IPC format and its decoder, which know nothing of our layout.
        const read = arrow.tableFromIPC(arrow.tableToIPC(new arrow.Table([record])));
        expect(read.schema.fields[0]?.nullable).toBe(nullable);
        expect(
          batchOf(fields, read)
            .rows()
            .map((row) => row.c0),
        ).toEqual(values);
        const vector = read.getChild('c0');
        for (let row = 0; row < length; row++) expect(vector?.isValid(row)).toBe(values[row] !== null);
      }),
      { numRuns: 300, ...seed },
    );
  });
});
