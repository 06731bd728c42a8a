/** The command line of the flights job: one table, from which parsing and `--help` both come. */
import { parseArgs } from 'node:util';
import { KEY_COLUMNS, type KeyName, type Windowing } from './dataset.ts';
import { parseSpan } from './durations.ts';

/** Everything that the job can be told. */
export interface FlightsOptions {
  /** What decides which rows come out; a checkpoint is only gone on from with the same. */
  readonly windowing: Windowing;
  readonly parallelism: number;
  readonly batchRows: number;
  /** Rows per second, or null for as fast as possible. */
  readonly rate: number | null;
  /** Time between two checkpoints; ms. */
  readonly checkpointMs: number;
  /** The folder that everything is written to. */
  readonly out: string;
  readonly fresh: boolean;
  readonly verify: boolean;
  /** How often the engine is killed. */
  readonly chaos: number;
  /** Decides when, in `--chaos`. */
  readonly seed: number;
}

/** What the command line asks for. */
export type Command = { readonly help: true } | { readonly help: false; readonly options: FlightsOptions };

/** A command line that cannot be run; the message says what is wrong and what would be right. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

interface Flag {
  readonly name: string;
  /** What follows the flag, as `--help` shows it; a flag without a value is on or off. */
  readonly value?: string;
  readonly fallback: string;
  readonly says: string;
}

const FLAGS: readonly Flag[] = [
  { name: 'size', value: 'SPAN', fallback: '1h', says: 'how long a window is' },
  { name: 'slide', value: 'SPAN', fallback: '10m', says: 'the distance between the starts of windows' },
  {
    name: 'lag',
    value: 'SPAN',
    fallback: '3h',
    says: 'how far the watermark stays behind the latest departure',
  },
  {
    name: 'lateness',
    value: 'SPAN',
    fallback: '0',
    says: 'how much longer late flights correct a result; above 0 the files are changelogs',
  },
  {
    name: 'key',
    value: Object.keys(KEY_COLUMNS).join('|'),
    fallback: 'origin',
    says: 'what the windows are grouped by',
  },
  { name: 'parallelism', value: 'N', fallback: '2', says: 'subtasks of each keyed operator, 1 to 128' },
  { name: 'batch-rows', value: 'N', fallback: '8192', says: 'rows of a batch' },
  {
    name: 'rate',
    value: 'N|max',
    fallback: 'max',
    says: 'rows per second, such as 100k: slow enough to watch, and to kill',
  },
  { name: 'checkpoint', value: 'SPAN', fallback: '1s', says: 'the time between two checkpoints' },
  { name: 'out', value: 'FOLDER', fallback: 'out/flights', says: 'where files and checkpoints go' },
  { name: 'fresh', fallback: '', says: 'discard a checkpoint in FOLDER and start over' },
  { name: 'verify', fallback: '', says: 'compare every window and late row with DuckDB' },
  {
    name: 'chaos',
    value: 'N',
    fallback: '0',
    says: 'kill the engine N times with -9 and compare with an undisturbed run (in FOLDER-chaos and FOLDER-undisturbed)',
  },
  { name: 'seed', value: 'N', fallback: 'random', says: 'repeats the kills of an earlier --chaos' },
  { name: 'help', fallback: '', says: 'show this' },
];

/** Reads the arguments after the program's name. Throws {@link UsageError}. */
export function parseOptions(args: readonly string[]): Command {
  const values = parsed(args);
  if (values.get('help') === true) return { help: true };
  const text = (name: string) =>
    String(values.get(name) ?? FLAGS.find((flag) => flag.name === name)?.fallback);
  const on = (name: string) => values.get(name) === true;
  const windowing: Windowing = {
    size: span('size', text('size'), 1n),
    slide: span('slide', text('slide'), 1n),
    lag: span('lag', text('lag'), 0n),
    lateness: span('lateness', text('lateness'), 0n),
    key: key(text('key')),
  };
  const options: FlightsOptions = {
    windowing,
    parallelism: whole('parallelism', text('parallelism'), 1, 128),
    batchRows: whole('batch-rows', text('batch-rows'), 1, 1 << 20),
    rate: rate(text('rate')),
    checkpointMs: Number(span('checkpoint', text('checkpoint'), 1000n) / 1000n),
    out: text('out'),
    fresh: on('fresh'),
    verify: on('verify'),
    chaos: whole('chaos', text('chaos'), 0, 1000),
    seed:
      text('seed') === 'random'
        ? Math.floor(Math.random() * 1e9)
        : whole('seed', text('seed'), 0, 2 ** 32 - 1),
  };
  if (options.out === '') throw new UsageError('--out takes a folder.');
  return { help: false, options };
}

/** The text of `--help`. */
export function helpText(): string {
  const usage = (flag: Flag) => `--${flag.name}${flag.value === undefined ? '' : ` ${flag.value}`}`;
  const width = Math.max(...FLAGS.map((flag) => usage(flag).length));
  const lines = FLAGS.map((flag) => {
    const fallback = flag.fallback === '' ? '' : ` (${flag.fallback})`;
    return `  ${usage(flag).padEnd(width)}  ${flag.says}${fallback}`;
  });
  return [
    'npm start -- [OPTION…]',
    '',
    'Replays three million flights in the order in which they were seen, and computes per airport and hour how many',
    'there were, how late, and where to. A SPAN is written 90s, 10m, 1h30m or 1d; defaults stand in brackets.',
    '',
    ...lines,
  ].join('\n');
}

function parsed(args: readonly string[]): Map<string, string | boolean> {
  const options = Object.fromEntries(
    FLAGS.map(({ name, value }) => [name, { type: value === undefined ? 'boolean' : 'string' } as const]),
  );
  try {
    const { values } = parseArgs({ args: [...args], options, strict: true, allowPositionals: false });
    return new Map(
      Object.entries(values).filter((entry): entry is [string, string | boolean] => entry[1] !== undefined),
    );
  } catch (error) {
    // Of node's explanation only the first sentence says something about this program.
    const [reason = ''] = (error instanceof Error ? error.message : String(error)).split(/\. |\n/);
    throw new UsageError(`${reason.replace(/\.$/, '')}. See npm start -- --help.`);
  }
}

function span(name: string, text: string, least: bigint): bigint {
  const length = parseSpan(text);
  if (length === undefined)
    throw new UsageError(`--${name} ${text}: not a span of time such as 90s, 10m or 1h30m.`);
  // The engine takes windows of up to 2^60 µs, some 36,000 years; whoever asks for more than ten has mistyped.
  if (length >= least && length <= 315_576_000_000_000n) return length;
  throw new UsageError(
    `--${name} ${text}: must be ${least > 0n ? 'above' : 'at least'} 0 and at most ten years.`,
  );
}

function whole(name: string, text: string, least: number, most: number): number {
  const value = /^\d+$/.test(text) ? Number(text) : Number.NaN;
  if (value >= least && value <= most) return value;
  throw new UsageError(`--${name} ${text}: must be a whole number from ${least} to ${most}.`);
}

function key(text: string): KeyName {
  if (Object.hasOwn(KEY_COLUMNS, text)) return text as KeyName;
  throw new UsageError(`--key ${text}: must be one of ${Object.keys(KEY_COLUMNS).join(', ')}.`);
}

function rate(text: string): number | null {
  if (text === 'max') return null;
  const [, number, unit] = /^(\d+(?:\.\d+)?)([km]?)$/i.exec(text) ?? [];
  const value = Number(number) * ({ k: 1e3, m: 1e6 }[unit?.toLowerCase() ?? ''] ?? 1);
  if (value > 0) return value;
  throw new UsageError(`--rate ${text}: must be rows per second, such as 50000 or 100k, or max.`);
}
