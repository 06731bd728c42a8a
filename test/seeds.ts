/**
 * Random cases that come back: where a test over random data takes its seed from, how many cases it tries, and what it
 * says when one fails.
 *
 * `HEADRACE_SEED` is the seed of all properties of the files that are run, and `HEADRACE_RUNS` the number of cases for those
 * that draw them here.
 */
import fc from 'fast-check';
import { expect } from 'vitest';

/** How a test draws its cases. */
export interface Draw {
  readonly seed: number;
  /** How many cases are tried. */
  readonly runs: number;
  /** The command that tries the same cases again. */
  readonly replay: string;
}

/** The seed that the environment asks for. */
export const wantedSeed = (): number | undefined => whole('HEADRACE_SEED');

/** The seed and the number of cases of the test that calls this: those of the environment, or a new seed and `runs`. */
export function draw(runs: number, seed = Date.now() % 2 ** 31): Draw {
  const chosen = wantedSeed() ?? seed;
  return { seed: chosen, runs: whole('HEADRACE_RUNS') ?? runs, replay: replay(chosen) };
}

/** Tries `check` on `runs` random cases; a failure shows the smallest failing case, or what `show` makes of it. */
export async function forAll<T>(
  cases: fc.Arbitrary<T>,
  check: (tried: T) => Promise<void>,
  runs: number,
  show?: Show<[T]>,
): Promise<void> {
  const { seed, runs: numRuns } = draw(runs);
  await fc.assert(fc.asyncProperty(cases, check), { seed, numRuns, reporter: reporter(show) });
}

type Show<T> = (outcome: fc.RunDetails<T>) => string | undefined;

/** What fast-check does with the outcome of a property: a failure is thrown with the command that replays it. */
export function reporter<T>(show: Show<T> = fc.defaultReportMessage): (outcome: fc.RunDetails<T>) => void {
  return (outcome) => {
    if (!outcome.failed) return;
    const message = `${show(outcome)}\nReplay with: ${replay(outcome.seed)}`;
    throw new Error(message, { cause: outcome.errorInstance });
  };
}

function replay(seed: number): string {
  const runs = whole('HEADRACE_RUNS');
  const file = expect.getState().testPath?.slice(process.cwd().length + 1);
  return `HEADRACE_SEED=${seed} ${runs === undefined ? '' : `HEADRACE_RUNS=${runs} `}npx vitest run ${file}`;
}

function whole(name: string): number | undefined {
  const text = process.env[name];
  if (text === undefined) return undefined;
  if (!/^-?\d+$/.test(text)) throw new Error(`${name} is '${text}', which is no whole number.`);
  return Number(text);
}
