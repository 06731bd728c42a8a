/** The data: three million flights of the first half of 2001, from the npm package `vega-datasets`. */
import { fileURLToPath } from 'node:url';

/** The Parquet file's place on this machine. */
export function flightsFile(): string {
  return fileURLToPath(new URL('../data/flights-3m.parquet', import.meta.resolve('vega-datasets')));
}

/** What the windows can be keyed by, and the columns that make up the key. */
export const KEY_COLUMNS = {
  origin: ['origin'],
  destination: ['destination'],
  route: ['origin', 'destination'],
  none: [],
} as const satisfies Record<string, readonly ('origin' | 'destination')[]>;

export type KeyName = keyof typeof KEY_COLUMNS;

/** Spans in µs, the unit of event time. */
export const SECOND = 1_000_000n;
export const MINUTE = 60n * SECOND;
export const HOUR = 60n * MINUTE;
export const DAY = 24n * HOUR;

/** The second table of the job: the whole network, one day every hour. */
export const NETWORK = { size: DAY, slide: HOUR } as const;

/** How the flights are windowed; spans in µs. Everything that decides which rows come out. */
export interface Windowing {
  readonly key: KeyName;
  readonly size: bigint;
  readonly slide: bigint;
  readonly lag: bigint;
  readonly lateness: bigint;
}

/** How many flights the file holds. */
export const FLIGHTS = 3_000_000;
