/** A checksum of all rows of an output, whatever files and order they lie in. */
import path from 'node:path';
import { openDuckDB, parquetIn } from './duckdb.ts';

/** The rows of one table. */
export interface TableChecksum {
  readonly rows: bigint;
  /** SHA-256, in hexadecimal digits. */
  readonly sha256: string;
}

const TABLES = ['windows', 'network', 'late'] as const;

export type Checksums = Readonly<Record<(typeof TABLES)[number], TableChecksum>>;

/**
 * The checksums of the tables below `out`: every row is hashed with all its columns, the hashes are sorted, and their
 * sequence is hashed. Equal checksums mean the same rows, each as often. Floats count with all their bits.
 */
export async function checksums(out: string): Promise<Checksums> {
  await using sql = await openDuckDB();
  const sums: [string, TableChecksum][] = [];
  for (const name of TABLES) {
    // Two levels, by the first two digits, so that no single text holds the hashes of all rows.
    const sum = await sql.row<TableChecksum>(`
      WITH hashed AS (SELECT sha256(written::VARCHAR) AS hash FROM ${parquetIn(path.join(out, name))} AS written),
      parts AS (
        SELECT left(hash, 2) AS part, count(*) AS rows, sha256(string_agg(hash, '' ORDER BY hash)) AS hash
        FROM hashed GROUP BY part)
      SELECT coalesce(sum(rows), 0)::BIGINT AS rows, sha256(coalesce(string_agg(hash, '' ORDER BY part), '')) AS sha256
      FROM parts`);
    sums.push([name, sum]);
  }
  return Object.fromEntries(sums) as Checksums;
}

/** The tables in which two outputs differ, as text; none when they are the same. */
export function differences(some: Checksums, others: Checksums): string[] {
  return TABLES.filter((name) => some[name].sha256 !== others[name].sha256).map((name) => {
    const [a, b] = [some[name], others[name]];
    return `${name}: ${a.rows} rows ${a.sha256.slice(0, 16)} against ${b.rows} rows ${b.sha256.slice(0, 16)}`;
  });
}
