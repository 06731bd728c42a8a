/** What was foreseen beside what came, as rows of a table. */
import type { Cells } from '../lib/report.ts';
import { spread, summarise } from '../lib/statistics.ts';
import type { Foreseen } from './foreseen.ts';

/** So far off, a part of 1, a median may be. */
const GOAL = 0.2;

export const HEAD = ['', 'simulated, ms', 'real, ms', 'off by, %', `within ${100 * GOAL} %`, 'to itself, %'];

/** The rows of one trace. Simulated and real times are compared within a round. */
export function comparison(name: string, rounds: readonly Foreseen[]): Cells[] {
  const figures = (['ttft', 'tpot', 'e2e'] as const).flatMap((metric) =>
    (['p50', 'p95'] as const).map((part): Cells => {
      const of = (which: 'simulated' | 'real' | 'afterwards') =>
        rounds.map((round) => round[which][metric][part]);
      const real = of('real');
      const off = (simulated: readonly number[]) =>
        simulated.map((ms, round) => ms / (real[round] as number) - 1);
      const foreseen = off(of('simulated'));
      const percent = (parts: readonly number[]) => spread(summarise(parts.map((one) => 100 * one)), 0);
      return [
        `${name}, ${metric.toUpperCase()} ${part}`,
        spread(summarise(of('simulated')), 0),
        spread(summarise(real), 0),
        percent(foreseen),
        part === 'p50' ? `${foreseen.filter((one) => Math.abs(one) <= GOAL).length} of ${rounds.length}` : '',
        percent(off(of('afterwards'))),
      ];
    }),
  );
  const steps = (which: 'simulated' | 'real') =>
    spread(summarise(rounds.map((round) => round.steps[which])), 0);
  return [...figures, [`${name}, steps`, steps('simulated'), steps('real'), '', '', '']];
}
