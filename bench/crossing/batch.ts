/** The batch that crosses: 8,192 rows of five numbers, a timestamp and two texts. */
import { type RecordBatch, Table } from 'apache-arrow';
import type { ArrayData } from '../../ts/arrow/array-data.ts';
import { encodeRows } from '../../ts/arrow/rows.ts';
import { toRecordBatch } from '../../ts/arrow/to-arrow.ts';
import { t } from '../../ts/index.ts';
import type { Field } from '../../ts/plan/generated.ts';

export const ROWS = 8192;

/** The columns, as a user declares them. */
export const columns = {
  a: t.f64(),
  b: t.f64(),
  c: t.i64(),
  d: t.i32(),
  e: t.f32(),
  at: t.timestamp(),
  origin: t.utf8(),
  destination: t.utf8(),
};

const AIRPORTS = ['ATL', 'BOS', 'DEN', 'JFK', 'LAX', 'ORD', 'SEA', 'SFO'];
const airport = (row: number) => AIRPORTS[row % AIRPORTS.length] as string;

/** The batch as the engine's columns. */
export function makeColumns(fields: readonly Field[]): readonly ArrayData[] {
  const rows = Array.from({ length: ROWS }, (_, row) => ({
    a: row * 0.25,
    b: Math.sqrt(row),
    c: BigInt(row) * 1_000_003n,
    d: row ^ 0x5555,
    e: row / 2,
    at: 978_307_200_000_000n + BigInt(row) * 1_000_000n,
    origin: airport(row),
    destination: airport(row * 5 + 3),
  }));
  return encodeRows(fields, rows);
}

/** The same as an arrow-js table. */
export function makeTable(fields: readonly Field[], data: readonly ArrayData[]): Table {
  return new Table([toRecordBatch(fields, ROWS, data) as RecordBatch]);
}
