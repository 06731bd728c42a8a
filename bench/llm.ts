/**
 * The LLM engine and llama.cpp (node-llama-cpp) on SmolLM2-135M, each in a process of its own, in turn; and the engine alone.
 * The weights must be there (`npm run headrace -- model pull smollm2`).
 * `npm run bench -- llm [ROW …] [--rounds 5] [--threads 2] [--peer q4_0]`; rows are one, eight, shared, cold, http, hit, counted.
 */
import os from 'node:os';
import { conclude, numberOption, printTable } from './lib/report.ts';
import { ALONE, ALONE_HEAD, type AloneFigures, type AloneName } from './llm/alone.ts';
import {
  BESIDE,
  BESIDE_HEAD,
  type BesideFigures,
  type BesideName,
  besideCells,
  measureBeside,
} from './llm/beside.ts';
import { prompts } from './llm/prompts.ts';
import { type SideName, Sides } from './llm/sides.ts';
import { smollm2 } from './llm/weights.ts';

const ROUNDS = numberOption('rounds', 5);
const THREADS = numberOption('threads', Math.min(2, os.availableParallelism()));
const PEERS = { q4_0: 'llama.cpp Q4_0', q4_1: 'llama.cpp Q4_1' } as const satisfies Record<string, SideName>;

const known = [...Object.keys(BESIDE), ...Object.keys(ALONE)];
const options = process.argv.slice(2);
const rows = options.filter((word, at) => !word.startsWith('--') && !options[at - 1]?.startsWith('--'));
const wrong = rows.find((row) => !known.includes(row));
if (wrong !== undefined) throw new Error(`There is no row ${wrong}; there are ${known.join(', ')}.`);
const wanted = (row: string) => rows.length === 0 || rows.includes(row);
const peerAt = options.indexOf('--peer');
const peer = peerAt < 0 ? undefined : (options[peerAt + 1] as keyof typeof PEERS);
const peers = peer === undefined ? Object.values(PEERS) : [PEERS[peer]];

const asked = prompts(smollm2());
await using sides = new Sides(THREADS);

const beside: BesideFigures[] = [];
for (const name of (Object.keys(BESIDE) as BesideName[]).filter(wanted))
  beside.push(await measureBeside(sides, name, asked, peers, ROUNDS));
if (beside.length > 0) printTable(BESIDE_HEAD, beside.flatMap(besideCells));

const alone: Record<string, AloneFigures['figures']> = {};
const cells: AloneFigures['cells'][] = [];
for (const name of (Object.keys(ALONE) as AloneName[]).filter(wanted)) {
  const measured = await ALONE[name](sides, asked, ROUNDS);
  alone[name] = measured.figures;
  cells.push(measured.cells);
}
if (cells.length > 0) printTable(ALONE_HEAD, cells.flat());

const name = ['llm', ...rows, ...(peer === undefined ? [] : [peer])].join('-');
conclude(name, { threads: THREADS, beside, alone }, [
  `median (least–most) of ${ROUNDS} rounds in alternation after one to warm up; ${THREADS} threads and cores, one side at a time`,
  'greedy, ends of text are tokens like others; the same tokens are sent to all sides, whose caches are empty before',
  'Q4_0: the Q4_1 matrices rounded to the type that llama.cpp is fastest with; embedding and norms stay as they are',
]);
