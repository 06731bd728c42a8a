/** Metrics in the text format of Prometheus. */

/** A family of metrics: its samples are `[labels, value]`. */
export interface Family {
  readonly name: string;
  readonly type: 'counter' | 'gauge';
  readonly help: string;
  readonly samples: readonly (readonly [labels: Labels, value: number])[];
}

export type Labels = Readonly<Record<string, string>>;

/** Seconds from a thousandth to ten minutes. */
export const SECONDS = [
  0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600,
];
/** Tokens from 1 to 131,072. */
export const TOKENS = Array.from({ length: 18 }, (_, power) => 2 ** power);

/** How often values fell into each of the buckets. */
export class Histogram {
  readonly name: string;
  readonly help: string;
  readonly #bounds: readonly number[];
  readonly #counts: number[];
  sum = 0;
  count = 0;

  /** `bounds` are the upper ends of the buckets, rising. */
  constructor(name: string, help: string, bounds: readonly number[]) {
    this.name = name;
    this.help = help;
    this.#bounds = bounds;
    this.#counts = bounds.map(() => 0);
  }

  observe(value: number): void {
    this.sum += value;
    this.count++;
    const at = this.#bounds.findIndex((bound) => value <= bound);
    if (at >= 0) (this.#counts[at] as number)++;
  }

  render(labels: Labels): string {
    let below = 0;
    const buckets = this.#bounds.map((bound, at) => {
      below += this.#counts[at] as number;
      return line(`${this.name}_bucket`, { ...labels, le: String(bound) }, below);
    });
    return [
      ...head(this.name, 'histogram', this.help),
      ...buckets,
      line(`${this.name}_bucket`, { ...labels, le: '+Inf' }, this.count),
      line(`${this.name}_sum`, labels, this.sum),
      line(`${this.name}_count`, labels, this.count),
    ].join('\n');
  }
}

/** Families and histograms as one page; `labels` are those of every sample. */
export function renderMetrics(
  families: readonly Family[],
  histograms: readonly Histogram[],
  labels: Labels,
): string {
  const plain = families.map(({ name, type, help, samples }) =>
    [
      ...head(name, type, help),
      ...samples.map(([own, value]) => line(name, { ...labels, ...own }, value)),
    ].join('\n'),
  );
  return `${[...plain, ...histograms.map((histogram) => histogram.render(labels))].join('\n')}\n`;
}

function head(name: string, type: string, help: string): string[] {
  return [`# HELP ${name} ${help}`, `# TYPE ${name} ${type}`];
}

function line(name: string, labels: Labels, value: number): string {
  const pairs = Object.entries(labels).map(([label, text]) => `${label}="${escaped(text)}"`);
  return `${name}{${pairs.join(',')}} ${value}`;
}

function escaped(text: string): string {
  return text.replace(/[\\"\n]/g, (letter) => (letter === '\n' ? '\\n' : `\\${letter}`));
}
