/** Numbers, times and tables as people read them. */

/** A count with separators: `3,000,000`. */
export function amount(count: number | bigint): string {
  return count.toLocaleString('en-US');
}

/** Bytes with a binary unit: `1.3 MiB`. */
export function bytes(count: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB'];
  const step = Math.min(Math.floor(Math.log2(Math.max(count, 1)) / 10), units.length - 1);
  return `${(count / 1024 ** step).toFixed(step === 0 ? 0 : 1)} ${units[step]}`;
}

/** An instant in µs, to the minute: `2001-03-14 06:20`. */
export function minute(micros: bigint): string {
  return new Date(Number(micros / 1000n)).toISOString().slice(0, 16).replace('T', ' ');
}

/** Rows of cells under their heads; the columns named in `right` are aligned to the right. */
export function table(
  heads: readonly string[],
  rows: readonly (readonly string[])[],
  right: readonly string[],
): string[] {
  const widths = heads.map((head, column) =>
    Math.max(head.length, ...rows.map((row) => row[column]?.length ?? 0)),
  );
  const line = (cells: readonly string[]) =>
    cells
      .map((cell, column) => {
        const [width = 0, head = ''] = [widths[column], heads[column]];
        return right.includes(head) ? cell.padStart(width) : cell.padEnd(width);
      })
      .join('  ')
      .trimEnd();
  return [line(heads), widths.map((width) => '─'.repeat(width)).join('  '), ...rows.map(line)];
}
