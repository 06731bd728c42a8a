/** What is asked of the engine alone: what HTTP costs, what a cached prefix saves, what equal prefixes are computed. */
import type { EngineMetrics } from '../../ts/llm/engine/metrics.ts';
import type { Cells } from '../lib/report.ts';
import { alternate, ratios, type Summary, spread } from '../lib/statistics.ts';
import type { RunSizes } from './bare.ts';
import { BESIDE } from './beside.ts';
import { askOverHttp } from './over-http.ts';
import { OWN_TOKENS, PREFIX_TOKENS, type Prompts } from './prompts.ts';
import type { Sides } from './sides.ts';

/** The head of the table of what is measured here. */
export const ALONE_HEAD = ['', 'ms', 'compared with', 'ms', 'ratio', 'goal'];

export interface AloneFigures {
  readonly cells: readonly Cells[];
  readonly figures: Readonly<Record<string, Summary | number>>;
}

type Measure = (sides: Sides, prompts: Prompts, rounds: number) => Promise<AloneFigures>;

/** One request and eight, in process and from another process over loopback, streaming. */
const http: Measure = async (sides, prompts, rounds) => {
  const port = await (await sides.peer('headrace')).call<number>('listen');
  const reset = async () => void (await (await sides.peer('headrace')).call('reset'));
  const figures: Record<string, Summary> = {};
  const cells: Cells[] = [];
  for (const name of ['one', 'eight'] as const) {
    const question = BESIDE[name].question(prompts);
    const { inProcess, overHttp } = await alternate(
      {
        inProcess: async () => (await sides.ask('headrace', question)).ms,
        overHttp: async () => {
          await reset();
          return (await askOverHttp(port, question)).ms;
        },
      },
      rounds,
    );
    Object.assign(figures, { [`${name} in process`]: inProcess, [`${name} over HTTP`]: overHttp });
    const ratio = ratios(overHttp, inProcess);
    cells.push([
      `${BESIDE[name].says}, over HTTP`,
      spread(overHttp, 0),
      'in process',
      spread(inProcess, 0),
      spread(ratio, 3),
      '',
    ]);
  }
  return { cells, figures };
};

/** The first token behind a cached prefix, beside a run of the same tokens without an engine, and beside a cold prompt. */
const hit: Measure = async (sides, { shared }, rounds) => {
  const [first = [], second = []] = shared;
  // What the engine runs for the first prompt, and then for the second.
  const own = { rows: 1, width: OWN_TOKENS, context: PREFIX_TOKENS + OWN_TOKENS };
  const runs: RunSizes = [{ rows: 1, width: PREFIX_TOKENS, context: PREFIX_TOKENS }, own, own];
  const { hits, bare, cold } = await alternate(
    {
      hits: async () => {
        await sides.ask('headrace', { prompts: [first], tokens: 1 });
        return (await sides.ask('headrace', { prompts: [second], tokens: 1, warm: true })).ms;
      },
      bare: async () => (await sides.peer('bare')).call<number>('run', runs),
      cold: async () => (await sides.ask('headrace', { prompts: [first], tokens: 1 })).ms,
    },
    rounds,
  );
  const says = `first token behind ${PREFIX_TOKENS} cached + ${OWN_TOKENS} tokens`;
  return {
    figures: { hits, bare, cold },
    cells: [
      [says, spread(hits), 'a bare run', spread(bare), spread(ratios(hits, bare), 2), '≤ 1.3'],
      [says, spread(hits), 'cold', spread(cold), spread(ratios(cold, hits), 1), '≥ 12'],
    ],
  };
};

/** What is computed when all prompts with the same prefix come at once, and how much of the time is not the model's. */
const counted: Measure = async (sides, prompts) => {
  const engine = await sides.peer('headrace');
  const difference = async (name: 'shared' | 'eight') => {
    const before = await engine.call<EngineMetrics>('metrics');
    await sides.ask('headrace', BESIDE[name].question(prompts));
    const after = await engine.call<EngineMetrics>('metrics');
    return {
      computed: after.kv.computed - before.kv.computed,
      scheduling: after.schedulingMs - before.schedulingMs,
      own: after.ownMs - before.ownMs,
      run: after.runMs - before.runMs,
    };
  };
  await difference('shared');
  const { computed } = await difference('shared');
  const { scheduling, own, run } = await difference('eight');
  const least = PREFIX_TOKENS + prompts.shared.length * OWN_TOKENS;
  const ofSteps = (ms: number, goal: string) => [
    ...[
      ms.toFixed(0),
      'in steps',
      (own + run).toFixed(0),
      `${((100 * ms) / (own + run)).toFixed(1)} %`,
      goal,
    ],
  ];
  return {
    figures: { computed, schedulingMs: scheduling, ownMs: own, runMs: run },
    cells: [
      [
        `${BESIDE.shared.says}: prompt tokens computed`,
        computed,
        'the least',
        least,
        (computed / least).toFixed(2),
        '1',
      ],
      [`${BESIDE.eight.says}: scheduler, block manager, sampler`, ...ofSteps(scheduling, '≤ 2 %')],
      [`${BESIDE.eight.says}: all that is outside the model`, ...ofSteps(own, '')],
    ],
  };
};

export const ALONE = { http, hit, counted } as const satisfies Readonly<Record<string, Measure>>;

export type AloneName = keyof typeof ALONE;
