/** What is asked of both sides of the sliding benchmark. */

/** The first `rows` flights, in windows of `ratio` minutes every minute. */
export interface Question {
  readonly rows: number;
  readonly ratio: number;
}

/** How long it took, and how many results there were: one for each window and each key with rows in it. */
export interface Timed {
  readonly ms: number;
  readonly results: number;
}

/** Sums over all results, to compare them by. */
export interface Sums {
  readonly results: number;
  readonly flights: number;
  readonly total: number;
  readonly mean: number;
}
