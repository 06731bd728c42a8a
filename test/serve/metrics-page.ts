/** A page of metrics in the text format of Prometheus, read without code of ours. */

export interface Sample {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

export interface MetricFamily {
  readonly name: string;
  readonly type: string;
  readonly help: string;
  readonly samples: readonly Sample[];
}

export class MetricsPage {
  readonly families = new Map<string, MetricFamily>();

  /** Fetches the page of a server. */
  static async of(url: string, headers: Record<string, string> = {}): Promise<MetricsPage> {
    return new MetricsPage(await (await fetch(`${url}/metrics`, { headers })).text());
  }

  /** Throws for a line that is none of the format, or out of place. */
  constructor(text: string) {
    if (!text.endsWith('\n')) throw new Error('The page ends without a line feed.');
    let samples: Sample[] = [];
    let [name, help, type] = ['', '', ''];
    for (const line of text.slice(0, -1).split('\n')) {
      const [, head, of = '', rest = ''] = /^# (HELP|TYPE) ([a-zA-Z_:][\w:]*) (.+)$/.exec(line) ?? [];
      if (head === 'HELP') {
        if (this.families.has(of)) throw new Error(`${of} is there twice.`);
        [name, help, type, samples] = [of, rest, '', []];
      } else if (head === 'TYPE') {
        if (of !== name || type !== '' || !/^(counter|gauge|histogram)$/.test(rest)) throw new Error(line);
        type = rest;
        this.families.set(name, { name, type, help, samples });
      } else samples.push(sampleOf(line, name, type));
    }
  }

  /** The value of the only sample of this name with these labels, besides those that all have. */
  value(name: string, labels: Record<string, string> = {}): number {
    const family = this.families.get(name) ?? this.families.get(name.replace(/_(sum|count|bucket)$/, ''));
    const found = (family?.samples ?? []).filter(
      (sample) =>
        sample.name === name &&
        Object.entries(labels).every(([label, value]) => sample.labels[label] === value),
    );
    if (found.length !== 1) throw new Error(`${name} has ${found.length} samples.`);
    return (found[0] as Sample).value;
  }
}

function sampleOf(line: string, family: string, type: string): Sample {
  const match = /^([a-zA-Z_:][\w:]*)(?:\{(.*)\})? (-?[\d.]+(?:e[+-]?\d+)?|\+Inf|NaN)$/.exec(line);
  if (match === null) throw new Error(`This is no sample: ${line}`);
  const [, name = '', inside = '', value] = match;
  const endings = type === 'histogram' ? ['_bucket', '_sum', '_count'] : [''];
  if (!endings.some((ending) => name === family + ending)) throw new Error(`${name} stands under ${family}.`);
  const pairs = [...inside.matchAll(/([a-zA-Z_]\w*)="((?:[^"\\]|\\.)*)"(?:,|$)/g)];
  if (pairs.map(([pair]) => pair).join('') !== inside) throw new Error(`These are no labels: ${inside}`);
  const labels = Object.fromEntries(pairs.map(([, label, text]) => [label, text]));
  return { name, labels, value: Number(value) };
}
