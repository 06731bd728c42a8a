/**
 * Random cases that come back: where a test over random data takes its seed from, how many cases it tries, and what it
 * says when one fails.
 *
 * `HEADRACE_SEED` is the seed, and `HEADRACE_RUNS` the number of cases; both hold for every test that is run.
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

/** The seed and the number of cases of the test that calls this: those of the environment, or a new seed and `runs`. */
export function draw(runs: number, seed = Date.now() % 2 ** 31): Draw {
  const chosen = { seed: whole('HEADRACE_SEED') ?? seed, runs: whole('HEADRACE_RUNS') ?? runs };
  const more = chosen.runs === runs ? '' : `HEADRACE_RUNS=${chosen.runs} `;
  const file = expect.getState().testPath?.slice(process.cwd().length + 1);
  return { ...chosen, replay: `HEADRACE_SEED=${chosen.seed} ${more}npx vitest run ${file}` };
}

/** Tries `check` on `runs` random cases; the failure shows the smallest failing case, or what `show` makes of it. */
export async function forAll<T>(
  cases: fc.Arbitrary<T>,
  check: (tried: T) => Promise<void>,
  runs: number,
  show: (outcome: fc.RunDetails<[T]>) => string | undefined = fc.defaultReportMessage,
): Promise<void> {
  const { seed, runs: numRuns, replay } = draw(runs);
  await fc.assert(fc.asyncProperty(cases, check), {
    seed,
    numRuns,
    reporter: (outcome) => {
      if (!outcome.failed) return;
      throw new Error(`${show(outcome)}\nReplay with: ${replay}`, { cause: outcome.errorInstance });
    },
  });
}

function whole(name: string): number | undefined {
  const text = process.env[name];
  if (text === undefined) return undefined;
  if (!/^\d+$/.test(text)) throw new Error(`${name} is '${text}', which is no whole number.`);
  return Number(text);
}
