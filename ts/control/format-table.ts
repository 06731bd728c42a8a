/** Rows as a table of text. */
import type { Row } from '../arrow/rows.ts';
import type { DataType, Field } from '../plan/generated.ts';

const WIDTH_MAX = 60;

/** The rows under their column names; numbers to the right, instants as ISO 8601. Ends with a line break. */
export function formatTable(fields: readonly Field[], rows: readonly Row[]): string {
  const columns = fields.map(({ name, data }) => {
    const cells = rows.map((row) => clip(formatValue(row[name], data)));
    const width = Math.max(name.length, ...cells.map((cell) => cell.length));
    const pad = (cell: string) => (isNumeric(data) ? cell.padStart(width) : cell.padEnd(width));
    return [pad(name), '─'.repeat(width), ...cells.map(pad)];
  });
  const lines = Array.from({ length: rows.length + 2 }, (_, line) => {
    return columns
      .map((column) => column[line])
      .join('  ')
      .trimEnd();
  });
  return `${lines.join('\n')}\n`;
}

function isNumeric({ type }: DataType): boolean {
  return type === 'i32' || type === 'i64' || type === 'f32' || type === 'f64';
}

/** A value as people read it. */
export function formatValue(value: unknown, type: DataType): string {
  if (value === null || value === undefined) return '∅';
  if (type.type === 'timestamp' && typeof value === 'bigint') return formatInstant(value);
  if (type.type === 'date') return new Date((value as number) * 86_400_000).toISOString().slice(0, 10);
  if (type.type === 'list')
    return `[${(value as unknown[]).map((item) => formatValue(item, type.item)).join(', ')}]`;
  if (type.type === 'struct') {
    const members = type.fields.map(
      ({ name, data }) => `${name}: ${formatValue((value as Row)[name], data)}`,
    );
    return `{${members.join(', ')}}`;
  }
  if (value instanceof Uint8Array) return Buffer.from(value).toString('hex');
  return typeof value === 'number' && !Number.isInteger(value)
    ? String(Number(value.toPrecision(10)))
    : String(value);
}

/** An instant in µs as `2001-01-01 08:00:00`, with a fraction only if it has one. */
export function formatInstant(micros: bigint): string {
  const seconds = micros / 1_000_000n - (micros % 1_000_000n < 0n ? 1n : 0n);
  const date = new Date(Number(seconds) * 1000);
  // Beyond the years that Date knows, the number itself is all that can be said.
  if (Number.isNaN(date.getTime())) return String(micros);
  const fraction = String(micros - seconds * 1_000_000n)
    .padStart(6, '0')
    .replace(/0+$/, '');
  const text = date
    .toISOString()
    .replace('T', ' ')
    .replace(/\.\d+Z$/, '');
  return fraction === '' ? text : `${text}.${fraction}`;
}

function clip(text: string): string {
  return text.length > WIDTH_MAX ? `${text.slice(0, WIDTH_MAX - 1)}…` : text;
}
