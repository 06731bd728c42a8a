/**
 * What it costs to cross between JavaScript and Rust: a batch of 8,192 rows × 8 columns both ways, and JavaScript
 * functions in a pipeline. `npm run bench -- crossing [--batches 2000] [--rounds 7]`
 */
import type { Part, Transfers } from './crossing/transfer.ts';
import { startPeer } from './lib/peer.ts';
import { conclude, numberOption, printTable } from './lib/report.ts';
import { alternate, ratios, spread } from './lib/statistics.ts';

const BATCHES = numberOption('batches', 2000);
const ROUNDS = numberOption('rounds', 7);
const CORE = '0';

async function transfers(): Promise<Transfers> {
  await using peer = startPeer(new URL('./crossing/transfer.ts', import.meta.url), CORE);
  return await peer.call<Transfers>('measure', { iterations: BATCHES });
}

const { bytes, ipcBytes, micros } = await transfers();
const median = (part: Part) => micros[part].median;
const memcpy = median('memcpy');
const toRust = median('pack') + median('push');
const toJs = median('readCall') + median('view');
const goal = 2 * memcpy + 15;
// What the encoder in Rust takes to take over its input is a crossing of its own and not IPC's.
const ipcToJs = Math.max(median('encodeIpc') - median('push'), 0) + median('tableFromIPC');
const ipcToRust = median('tableToIPC');
const line = (name: string, own: number, ipc: number) => [
  name,
  own.toFixed(1),
  goal.toFixed(1),
  (own / memcpy).toFixed(1),
  ipc.toFixed(1),
  (ipc / own).toFixed(1),
];
printTable(
  [`${bytes} bytes`, 'µs', 'goal: 2 memcpy + 15 µs', '÷ memcpy', 'IPC, µs', 'IPC ÷ own'],
  [line('JavaScript → Rust', toRust, ipcToRust), line('Rust → JavaScript', toJs, ipcToJs)],
);
console.log();
const parts = Object.keys(micros) as Part[];
printTable(
  ['part', 'median, µs', 'least', '75 %'],
  parts.map((part) => {
    const { median, min, p75 } = micros[part];
    return [part, median.toFixed(1), min.toFixed(1), p75.toFixed(1)];
  }),
);
console.log();

await using map = startPeer(new URL('./crossing/map.ts', import.meta.url), CORE);
const sums = await map.call<{ expected: number; byBatch: number; byRow: number }>('sums');
if (sums.byBatch !== sums.expected || sums.byRow !== sums.expected) {
  throw new Error(`The maps compute something else: ${JSON.stringify(sums)}`);
}
const maps = await alternate(
  {
    'loop over typed arrays': () => map.call<number>('typedLoop'),
    'loop over row objects': () => map.call<number>('objectLoop'),
    'batch map': () => map.call<number>('byBatch'),
    'row map': () => map.call<number>('byRow'),
  },
  ROUNDS,
);
printTable(
  ['', 'ns/row', '÷ loop over typed arrays', '÷ loop over row objects'],
  Object.entries(maps).map(([name, ns]) => [
    name,
    spread(ns),
    spread(ratios(ns, maps['loop over typed arrays'])),
    spread(ratios(ns, maps['loop over row objects'])),
  ]),
);
const crossing = { memcpy, toRust, toJs, goal, ipcToRust, ipcToJs, bytes, ipcBytes };
const figures = { crossing, parts: micros, maps };
conclude('crossing', figures, [
  `transfers: median of ${BATCHES} batches by tinybench, after a quarter as many to warm up; one core`,
  'JavaScript → Rust: pack (which lists the buffers) + push (which copies them). Rust → JavaScript: readCall (which copies) + views',
  'IPC to Rust is arrow-js tableToIPC alone, without decoding in Rust; IPC to JavaScript is the encoder in Rust without',
  '  its own input’s crossing, and tableFromIPC: both are the least that IPC can cost',
  `maps: a × 1.5 + b over ${2 ** 20} rows of two f64 columns through a whole job, median (least–most) of ${ROUNDS} rounds`,
]);
