/** Figures from repeated measurements. */

/** The median of measurements, and how far they lie apart. */
export interface Summary {
  readonly median: number;
  readonly min: number;
  readonly max: number;
  readonly samples: readonly number[];
}

export function summarise(samples: readonly number[]): Summary {
  const sorted = [...samples].sort((a, b) => a - b);
  const at = (index: number) => sorted[Math.min(Math.max(index, 0), sorted.length - 1)] ?? Number.NaN;
  const half = (sorted.length - 1) / 2;
  return {
    median: (at(Math.floor(half)) + at(Math.ceil(half))) / 2,
    min: at(0),
    max: at(sorted.length - 1),
    samples,
  };
}

/** Applies a conversion that keeps or inverts order to every figure, such as from seconds to rows per second. */
export function converted(summary: Summary, convert: (value: number) => number): Summary {
  return summarise(summary.samples.map(convert));
}

/** `median (min–max)`. */
export function spread(summary: Summary, digits = 1): string {
  const { median, min, max } = summary;
  return `${median.toFixed(digits)} (${min.toFixed(digits)}–${max.toFixed(digits)})`;
}

/** The ratios of two series measured in alternation: what disturbs a pair disturbs both of its sides. */
export function ratios(over: Summary, under: Summary): Summary {
  return summarise(over.samples.map((value, index) => value / (under.samples[index] ?? Number.NaN)));
}

/**
 * Measures every contender once a round, in turn and in changing order; the first round only warms up.
 *
 * @returns the measurements of each contender, by name.
 */
export async function alternate<Name extends string>(
  contenders: Readonly<Record<Name, () => Promise<number>>>,
  rounds: number,
): Promise<Record<Name, Summary>> {
  const names = Object.keys(contenders) as Name[];
  const samples = new Map<Name, number[]>(names.map((name) => [name, []]));
  for (let round = 0; round <= rounds; round++) {
    for (const name of round % 2 === 0 ? names : names.toReversed()) {
      const value = await contenders[name]();
      if (round > 0) samples.get(name)?.push(value);
    }
  }
  const summaries = names.map((name) => [name, summarise(samples.get(name) ?? [])]);
  return Object.fromEntries(summaries) as Record<Name, Summary>;
}
