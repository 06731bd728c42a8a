/**
 * Sliding windows, a slide of one minute and sizes from one minute to 60 hours: the time per row of input and output, and
 * how flat it is; beside it the cost of merging every pane of every window. `npm run bench -- sliding [--rows 200000]`
 */
import { startPeer } from './lib/peer.ts';
import { conclude, numberOption, printTable } from './lib/report.ts';
import { alternate, type Summary, spread } from './lib/statistics.ts';
import type { Question, Sums, Timed } from './sliding/question.ts';

const ROWS = numberOption('rows', 200_000);
const ROUNDS = numberOption('rounds', 5);
const RATIOS = [1, 6, 60, 360, 3600];
const CORE = '0';
// The peer's cost grows with the ratio, so that it gets fewer rows where it would take minutes.
const PEER_MERGES_MAX = 2e9;

await using engine = startPeer(new URL('./sliding/engine.ts', import.meta.url), CORE);
await using remerge = startPeer(new URL('./sliding/remerge.ts', import.meta.url), CORE);

interface Measured {
  readonly ratio: number;
  readonly results: number;
  /** Nanoseconds per row of input and output. */
  readonly engine: Summary;
  readonly remerge: Summary;
  readonly peerRows: number;
}

const perRow = (rows: number, { ms, results }: Timed) => (ms * 1e6) / (rows + results);

async function check(question: Question): Promise<void> {
  const [found, expected] = [
    await engine.call<Sums>('sums', question),
    await remerge.call<Sums>('sums', question),
  ];
  // The sums are of integers and exact; the order in which means are added differs.
  const close = Math.abs(found.mean - expected.mean) <= 1e-9 * Math.abs(expected.mean);
  const { results, flights, total } = expected;
  if (found.results !== results || found.flights !== flights || found.total !== total || !close) {
    throw new Error(`Differs at ${JSON.stringify(question)}: ${JSON.stringify({ found, expected })}`);
  }
}

async function measure(ratio: number): Promise<Measured> {
  await check({ rows: Math.min(ROWS, 10_000), ratio });
  const { results } = await engine.call<Timed>('time', { rows: ROWS, ratio });
  const share = Math.min(1, PEER_MERGES_MAX / (results * ratio));
  const peerRows = Math.round(ROWS * share);
  const times = await alternate(
    {
      engine: async () => perRow(ROWS, await engine.call<Timed>('time', { rows: ROWS, ratio })),
      remerge: async () => perRow(peerRows, await remerge.call<Timed>('time', { rows: peerRows, ratio })),
    },
    ROUNDS,
  );
  return { ratio, results, ...times, peerRows };
}

const measured: Measured[] = [];
for (const ratio of RATIOS) measured.push(await measure(ratio));

const flatness = (of: (one: Measured) => Summary) => {
  const medians = measured.map((one) => of(one).median);
  return Math.max(...medians) / Math.min(...medians);
};
printTable(
  [
    'size ÷ slide',
    'results',
    'headrace, ns per row in + out',
    're-merging, ns per row in + out',
    'rows of the peer',
  ],
  measured.map((one) => [one.ratio, one.results, spread(one.engine), spread(one.remerge), one.peerRows]),
);
const flat = { headrace: flatness((one) => one.engine), remerge: flatness((one) => one.remerge) };
conclude('sliding', { rows: ROWS, flatness: flat, measured }, [
  `dearest ÷ cheapest: headrace ${flat.headrace.toFixed(2)}, re-merging ${flat.remerge.toFixed(2)}`,
  `median (least–most) of ${ROUNDS} rounds in alternation after one to warm up; one core each, the same core, one at a time`,
  `the first ${ROWS} flights by origin, slide 1 min, count, sum and avg; every window emits every key with rows in it`,
  'the peer is plain JavaScript over typed arrays (bench/sliding/remerge.ts); results were compared on 10,000 rows',
]);
