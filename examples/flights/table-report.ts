/** What the comparison of a table of windows found, added up over stretches of event time. */
import { BOUND, EXAMPLES } from './window-differences.ts';

/** A window's p99 beside the exact one. */
export interface QuantileExample {
  /** The key, `ORD` or `ORD to LAX`; empty without a key. */
  readonly key: string;
  /** µs since the epoch. */
  readonly start: bigint;
  readonly flights: bigint;
  readonly p99: number;
  readonly exact: number;
}

/** What the comparison of one table found. */
export interface TableReport {
  /** Whether everything below is as it must be. */
  readonly equal: boolean;
  /** Windows that DuckDB has. */
  readonly windows: bigint;
  /** Of these, windows that the engine did not write. */
  readonly missing: bigint;
  /** Windows that the engine wrote and DuckDB does not have. */
  readonly extra: bigint;
  /** Windows that the engine wrote more than once. */
  readonly duplicates: bigint;
  /** Per column, windows with another value than the exact one (sketch columns: while the sketch is still a list). */
  readonly different: Readonly<Record<string, bigint>>;
  /** Windows with more rows or values than a list holds, so that the sketch approximates; per column. */
  readonly approximated: Readonly<Record<'quantiles' | 'destinations' | 'busiest', bigint>>;
  /** The largest error where it approximates: in ranks for quantiles, relative for counts, in shares of the rows for the busiest. */
  readonly largestError: Readonly<Record<'p50' | 'p99' | 'destinations' | 'busiest', number>>;
  /** What breaks a promise of the sketches, by name; each must be 0. */
  readonly beyondBounds: Readonly<Record<string, bigint>>;
  /** The windows with the most flights. */
  readonly examples: readonly QuantileExample[];
  /** Some windows that differ, both sides, as text. */
  readonly samples: readonly SampleRow[];
}

/** A row of `someDifferences`. */
export interface SampleRow {
  readonly window: string;
  readonly expected: string;
  readonly written: string;
}

/** Adds up what the stretches found. */
export class TableTotals {
  readonly #sums = new Map<string, bigint>();
  readonly #errors = new Map<string, number>();
  readonly examples: QuantileExample[] = [];
  readonly samples: SampleRow[] = [];

  add(counts: Record<string, unknown>): void {
    for (const [name, value] of Object.entries(counts)) {
      if (name.startsWith('error:')) {
        this.#errors.set(name, Math.max(this.#errors.get(name) ?? 0, Number(value ?? 0)));
      } else {
        this.#sums.set(name, this.#sum(name) + BigInt(value as bigint));
      }
    }
  }

  report(): TableReport {
    const beyondBounds = this.#named('beyond:');
    // Two more than the promised share, for the luck of small numbers.
    const allowed = BigInt(Math.ceil(Number(this.#sum('topk:counts')) * BOUND.topKExceptions)) + 2n;
    const exceptions = this.#sum('topk:exceptions');
    beyondBounds['busiest (too high)'] = exceptions > allowed ? exceptions : 0n;
    const different = this.#named('different:');
    const [windows, missing, extra, duplicates] = [
      this.#sum('windows'),
      this.#sum('missing'),
      this.#sum('extra'),
      this.#sum('duplicates'),
    ];
    const wrong = [missing, extra, duplicates, ...Object.values(different), ...Object.values(beyondBounds)];
    const error = (name: string) => this.#errors.get(`error:${name}`) ?? 0;
    return {
      equal: wrong.every((count) => count === 0n),
      windows,
      missing,
      extra,
      duplicates,
      different,
      approximated: {
        quantiles: this.#sum('approximated:quantiles'),
        destinations: this.#sum('approximated:destinations'),
        busiest: this.#sum('approximated:busiest'),
      },
      largestError: {
        p50: error('p50'),
        p99: error('p99'),
        destinations: error('destinations'),
        busiest: error('busiest'),
      },
      beyondBounds,
      examples: this.examples.sort((a, b) => Number(b.flights - a.flights)).slice(0, EXAMPLES),
      samples: this.samples,
    };
  }

  #sum(name: string): bigint {
    return this.#sums.get(name) ?? 0n;
  }

  #named(prefix: string): Record<string, bigint> {
    const named = [...this.#sums].filter(([name]) => name.startsWith(prefix));
    return Object.fromEntries(named.map(([name, sum]) => [name.slice(prefix.length), sum]));
  }
}
