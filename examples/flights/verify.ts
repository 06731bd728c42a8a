/** `--verify`: are the committed files what DuckDB computes from the same data? */
import path from 'node:path';
import { compareWindows } from './compare-windows.ts';
import type { Windowing } from './dataset.ts';
import { openDuckDB, parquetIn, type Sql } from './duckdb.ts';
import {
  type ExpectedAccount,
  expectedAccount,
  lateRows,
  loadReplay,
  networkWindowing,
  rangeWindows,
} from './oracle.ts';
import type { TableReport } from './table-report.ts';
import { amount, minute } from './text.ts';

/** What is compared. */
export interface VerifyRequest {
  /** The Parquet file that was replayed. */
  readonly source: string;
  /** The job's output folder, with `windows/`, `network/` and `late/`. */
  readonly out: string;
  readonly windowing: Windowing;
}

/** The comparison of the late rows, as multisets. */
export interface LateReport {
  readonly equal: boolean;
  readonly rows: bigint;
  readonly missing: bigint;
  readonly extra: bigint;
}

/** What the comparison found. */
export interface VerifyReport {
  /** Whether every exact column of every window and every late row is the same, and every sketch within its bounds. */
  readonly equal: boolean;
  readonly windows: TableReport;
  readonly network: TableReport;
  readonly late: LateReport;
  /** Where DuckDB says that the rows must go, for `windows` and for `network`. */
  readonly accounts: { readonly windows: ExpectedAccount; readonly network: ExpectedAccount };
  readonly seconds: number;
}

/** Evaluates the job in DuckDB and compares. Throws when files or columns are missing. */
export async function verify({ source, out, windowing }: VerifyRequest): Promise<VerifyReport> {
  const started = performance.now();
  await using sql = await openDuckDB();
  await loadReplay(sql, source, windowing.lag);
  const tables = { windows: windowing, network: networkWindowing(windowing) };
  for (const [name, table] of Object.entries(tables)) await rangeWindows(sql, name, table);
  const accounts = {
    windows: await expectedAccount(sql, 'windows', tables.windows.slide),
    network: await expectedAccount(sql, 'network', tables.network.slide),
  };
  const compare = (name: 'windows' | 'network') =>
    compareWindows(sql, path.join(out, name), name, tables[name], accounts[name]);
  const windows = await compare('windows');
  const network = await compare('network');
  const late = await compareLate(sql, path.join(out, 'late'), 'windows');
  const equal = windows.equal && network.equal && late.equal;
  return { equal, windows, network, late, accounts, seconds: (performance.now() - started) / 1000 };
}

async function compareLate(sql: Sql, folder: string, view: string): Promise<LateReport> {
  const count = async (query: string) =>
    (await sql.row<{ rows: bigint }>(`SELECT count(*) AS rows FROM (${query})`)).rows;
  const expected = lateRows(view);
  const written = `SELECT date, delay, distance, origin, destination, lateness FROM ${parquetIn(folder)}`;
  const rows = await count(expected);
  const missing = await count(`(${expected}) EXCEPT ALL (${written})`);
  const extra = await count(`(${written}) EXCEPT ALL (${expected})`);
  return { equal: missing === 0n && extra === 0n, rows, missing, extra };
}

/** The report as lines for people. */
export function describeVerification(report: VerifyReport): string[] {
  return [
    ...describeTable('windows', report.windows),
    ...describeTable('network', report.network),
    `late     ${amount(report.late.rows)} rows: ${faults({ missing: report.late.missing, extra: report.late.extra }) || 'all equal'}`,
    ...describeExamples(report),
    report.equal
      ? `Equal to DuckDB (${report.seconds.toFixed(1)} s).`
      : `NOT equal to DuckDB (${report.seconds.toFixed(1)} s).`,
  ];
}

function describeTable(name: string, table: TableReport): string[] {
  const found = faults({
    missing: table.missing,
    extra: table.extra,
    'written twice': table.duplicates,
    ...Object.fromEntries(Object.entries(table.different).map(([column, n]) => [`other ${column}`, n])),
    ...Object.fromEntries(
      Object.entries(table.beyondBounds).map(([what, n]) => [`beyond bounds: ${what}`, n]),
    ),
  });
  const lines = [`${name.padEnd(9)}${amount(table.windows)} windows: ${found || 'all equal'}`];
  const { approximated, largestError } = table;
  const percent = (share: number) => `${(100 * share).toFixed(3)} %`;
  if (approximated.quantiles > 0n) {
    lines.push(
      `         p50/p99 approximated in ${amount(approximated.quantiles)}: at most ${percent(largestError.p50)} / ${percent(largestError.p99)} of the ranks off`,
    );
  }
  if (approximated.destinations > 0n) {
    lines.push(
      `         destinations and busiest approximated in ${amount(approximated.destinations)}: at most ${percent(largestError.destinations)} of the count, ${percent(largestError.busiest)} of the flights off`,
    );
  }
  return [
    ...lines,
    ...table.samples.flatMap(({ window, expected, written }) => [
      `         ${window}`,
      `           DuckDB   ${expected}`,
      `           headrace ${written}`,
    ]),
  ];
}

function describeExamples({ windows, network }: VerifyReport): string[] {
  const line = (window: string, flights: string, p99: string, exact: string) =>
    `         ${window.padEnd(30)}${flights.padStart(8)}${p99.padStart(10)}${exact.padStart(12)}`;
  const lines = (table: TableReport) =>
    table.examples.map(({ key, start, flights, p99, exact }) => {
      return line(`${key || 'network'} ${minute(start)}`, amount(flights), p99.toFixed(2), exact.toFixed(2));
    });
  return [line('the largest windows', 'flights', 'p99', 'exact p99'), ...lines(windows), ...lines(network)];
}

function faults(counts: Record<string, bigint>): string {
  const present = Object.entries(counts).filter(([, count]) => count > 0n);
  return present.map(([what, count]) => `${amount(count)} ${what}`).join(', ');
}
