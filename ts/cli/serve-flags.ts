/** The options of `headrace serve` as data: the command line is made of it, and so is the table in the documentation. */
import { InvalidArgumentError, Option } from 'commander';

/** What the command line gives; options that are not given are undefined, unless they have a default in the table. */
export interface ServeFlags {
  readonly port: number;
  readonly host: string;
  readonly apiKey?: readonly string[];
  readonly apiKeyFile?: string;
  readonly servedModelName?: string;
  readonly maxModelLen?: number;
  readonly maxNumSeqs?: number;
  readonly maxNumBatchedTokens?: number;
  readonly kvBlocks?: number;
  readonly schedulingPolicy: 'fcfs' | 'priority';
  readonly prefixCache: boolean;
  readonly threads?: number;
  readonly maxQueueRequests: number;
  readonly maxQueueTokens: number;
  readonly maxRequestsPerKey?: number;
  readonly maxBodyBytes: number;
  readonly drain: number;
}

export interface ServeFlag {
  /** As commander takes it. */
  readonly flags: string;
  readonly says: string;
  /** For whole numbers. */
  readonly range?: readonly [from: number, to: number];
  readonly choices?: readonly string[];
  readonly repeatable?: boolean;
  readonly value?: number | string;
  /** What is taken if it is not given and `value` does not say. */
  readonly otherwise?: string;
}

export const SERVE_FLAGS: readonly ServeFlag[] = [
  {
    flags: '--port <n>',
    says: 'Port to listen on; 0 for any that is free.',
    range: [0, 65_535],
    value: 8000,
  },
  {
    flags: '--host <address>',
    says: 'Address to listen on. All but those of this machine itself need an API key.',
    value: '127.0.0.1',
  },
  {
    flags: '--api-key <key>',
    says: 'Who sends it may use the server; can be given more than once. Other users of the machine can read it: prefer the file or the environment variable `HEADRACE_API_KEYS` (several with commas between them).',
    repeatable: true,
    otherwise: 'none: everybody may',
  },
  { flags: '--api-key-file <file>', says: 'A file with one API key a line.' },
  {
    flags: '--served-model-name <name>',
    says: 'What requests call the model.',
    otherwise: 'the name in the catalogue, or that of the file without `.gguf`',
  },
  {
    flags: '--max-model-len <n>',
    says: 'Tokens of a prompt and its answer together.',
    range: [2, 131_072],
    otherwise: 'the context of the model, or what the KV cache holds',
  },
  { flags: '--max-num-seqs <n>', says: 'Sequences that run at a time.', range: [1, 1_024], otherwise: '64' },
  {
    flags: '--max-num-batched-tokens <n>',
    says: 'New tokens of a step, prompts and answers together; at least `--max-num-seqs`.',
    range: [1, 2 ** 26],
    otherwise: '512, or `--max-num-seqs` if that is more',
  },
  {
    flags: '--kv-blocks <n>',
    says: 'Blocks of 16 tokens of the KV cache, one of which holds nothing.',
    range: [2, 2 ** 26],
    otherwise:
      'as many as 1 GiB holds, or twice what `--max-num-seqs` contexts need if that is less; at least one context',
  },
  {
    flags: '--scheduling-policy <name>',
    says: 'Who goes first: who came first, or who has the lowest `priority`.',
    choices: ['fcfs', 'priority'],
    value: 'fcfs',
  },
  { flags: '--no-prefix-cache', says: 'Compute every prompt from its first token.' },
  {
    flags: '--threads <n>',
    says: 'Threads of a run of the model.',
    range: [1, 1_024],
    otherwise: 'one for each core',
  },
  {
    flags: '--max-queue-requests <n>',
    says: 'Requests that wait for their first token.',
    range: [1, 60_000],
    value: 256,
  },
  {
    flags: '--max-queue-tokens <n>',
    says: 'Tokens of the prompts of those that wait.',
    range: [1, 2 ** 40],
    value: 262_144,
  },
  {
    flags: '--max-requests-per-key <n>',
    says: 'Open requests of one API key; without keys, of all together.',
    range: [1, 60_000],
    otherwise: 'no limit of their own',
  },
  {
    flags: '--max-body-bytes <n>',
    says: 'Bytes of the body of a request.',
    range: [1, 2 ** 30],
    value: 2 * 1024 * 1024,
  },
  {
    flags: '--drain <seconds>',
    says: 'How long open requests may take when the server is told to stop.',
    range: [0, 86_400],
    value: 30,
  },
];

/** An option for the command line. */
export function optionOf({ flags, says, range, choices, repeatable, value, otherwise }: ServeFlag): Option {
  const plain = says.replaceAll('`', '');
  const option = new Option(
    flags,
    otherwise === undefined ? plain : `${plain} (default: ${otherwise.replaceAll('`', '')})`,
  );
  if (range !== undefined) option.argParser((text) => wholeNumber(text, ...range));
  if (choices !== undefined) option.choices(choices);
  if (value !== undefined) option.default(value);
  if (repeatable) option.argParser((text, before: readonly string[] = []) => [...before, text]);
  return option;
}

function wholeNumber(text: string, from: number, to: number): number {
  if (/^\d{1,15}$/.test(text) && Number(text) >= from && Number(text) <= to) return Number(text);
  throw new InvalidArgumentError(`It must be a whole number from ${from} to ${to}.`);
}
