/** What a benchmark says in the end: a table on the terminal, and everything as JSON in `bench/results/`. */
import { mkdirSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import { fileURLToPath } from 'node:url';
import { native } from '../../ts/binding.ts';
import { pinning } from './peer.ts';

/** Where the figures were taken. */
export function hardware(): Record<string, string | number> {
  const [cpu] = os.cpus();
  return {
    cpu: cpu?.model ?? 'unknown',
    cores: os.availableParallelism(),
    memoryGiB: Math.round(os.totalmem() / 2 ** 30),
    system: `${os.type()} ${os.release()} ${os.arch()}`,
    node: process.version,
    headrace: native.version(),
    loadAverage: Number(os.loadavg()[0]?.toFixed(2)),
    cores_used: pinning(),
  };
}

/** A row of a table: what is measured, then figures. */
export type Cells = readonly (string | number)[];

/** Prints a table with its columns aligned, figures to the right. */
export function printTable(head: readonly string[], rows: readonly Cells[]): void {
  const lines = [head, head.map(() => ''), ...rows.map((row) => row.map(String))];
  const widths = head.map((_, column) => Math.max(...lines.map((line) => line[column]?.length ?? 0)));
  lines.forEach((line, index) => {
    const cells = widths.map((width, column) => {
      if (index === 1) return '-'.repeat(width);
      const cell = line[column] ?? '';
      return column === 0 ? cell.padEnd(width) : cell.padStart(width);
    });
    console.log(`| ${cells.join(' | ')} |`);
  });
}

/** Prints the hardware and notes, and writes `figures` with them to `bench/results/<name>.json`. */
export function conclude(name: string, figures: object, notes: readonly string[]): void {
  const machine = hardware();
  const folder = fileURLToPath(new URL('../results/', import.meta.url));
  mkdirSync(folder, { recursive: true });
  writeFileSync(`${folder}${name}.json`, `${JSON.stringify({ name, machine, notes, figures }, null, 2)}\n`);
  console.log();
  for (const note of notes) console.log(`- ${note}`);
  console.log(
    `- ${Object.entries(machine)
      .map(([key, value]) => `${key}: ${value}`)
      .join(' · ')}`,
  );
}

/** A whole number from the command line, `--<name> <value>`. */
export function numberOption(name: string, fallback: number): number {
  const at = process.argv.indexOf(`--${name}`);
  if (at < 0) return fallback;
  const value = Number(process.argv[at + 1]);
  if (Number.isInteger(value) && value > 0) return value;
  throw new Error(`--${name} takes a whole number above zero.`);
}
