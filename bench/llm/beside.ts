/** Questions that are answered by the engine and by llama.cpp in turn. */
import type { Cells } from '../lib/report.ts';
import { alternate, ratios, type Summary, spread } from '../lib/statistics.ts';
import type { Prompts } from './prompts.ts';
import type { Question } from './question.ts';
import type { SideName, Sides } from './sides.ts';

/** A row of the table: what is asked, and how many times faster than llama.cpp's fastest type it should be answered. */
interface Row {
  readonly says: string;
  readonly question: (prompts: Prompts) => Question;
  readonly floor: number;
  readonly goal: number;
}

/** Tokens of an answer, where more than the first are asked for. */
const ANSWER_TOKENS = 128;

/** All times are those until the last token that is asked for. */
export const BESIDE = {
  one: {
    says: '1 request, 128 + 128 tokens',
    question: ({ apart }) => ({ prompts: apart.slice(0, 1), tokens: ANSWER_TOKENS }),
    ...{ floor: 1, goal: 1.2 },
  },
  eight: {
    says: '8 requests, 128 + 128 tokens',
    question: ({ apart }) => ({ prompts: apart, tokens: ANSWER_TOKENS }),
    ...{ floor: 1.5, goal: 2 },
  },
  shared: {
    says: 'first tokens of 8 requests, 512 shared + 16 tokens',
    question: ({ shared }) => ({ prompts: shared, tokens: 1 }),
    ...{ floor: 3.5, goal: 5 },
  },
  cold: {
    says: 'first token of 1 request, 528 tokens',
    question: ({ shared }) => ({ prompts: shared.slice(0, 1), tokens: 1 }),
    ...{ floor: 0.8, goal: 1 },
  },
} as const satisfies Readonly<Record<string, Row>>;

export type BesideName = keyof typeof BESIDE;

/** The head of the table whose rows {@link besideCells} makes. */
export const BESIDE_HEAD = ['ms', 'headrace', 'peer', 'peer’s', 'peer ÷ headrace', 'floor', 'goal'];

export interface BesideFigures {
  readonly name: BesideName;
  /** Milliseconds, by side. */
  readonly times: Readonly<Record<string, Summary>>;
}

/** Measures one row against these peers. */
export async function measureBeside(
  sides: Sides,
  name: BesideName,
  prompts: Prompts,
  peers: readonly SideName[],
  rounds: number,
): Promise<BesideFigures> {
  const question = BESIDE[name].question(prompts);
  const contenders = Object.fromEntries(
    (['headrace', ...peers] as const).map((side) => [side, async () => (await sides.ask(side, question)).ms]),
  );
  return { name, times: await alternate(contenders, rounds) };
}

/** A line for each peer. Floor and goal are those against the type that llama.cpp is fastest with. */
export function besideCells({ name, times }: BesideFigures): Cells[] {
  const { says, floor, goal } = BESIDE[name];
  const own = times.headrace as Summary;
  return Object.entries(times)
    .filter(([side]) => side !== 'headrace')
    .map(([side, peer]) => {
      const limits = side.endsWith('Q4_0') ? [`${floor}`, `${goal}`] : ['', name === 'eight' ? '3' : ''];
      return [says, spread(own, 0), side, spread(peer, 0), spread(ratios(peer, own), 2), ...limits];
    });
}
