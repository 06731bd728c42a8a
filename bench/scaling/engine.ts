/** The generator alone and with the aggregation, at a given parallelism. */
import { aggregated, rowsAlone } from '../lib/generated.ts';
import { collectGarbage, serve } from '../lib/peer.ts';
import { timedRun } from '../lib/timed-run.ts';

/** What is run. */
export interface Question {
  readonly rows: number;
  readonly parallelism: number;
  readonly aggregate: boolean;
}

/** Time on the clock and on all cores together. */
export interface Timed {
  readonly ms: number;
  readonly cpuMs: number;
  readonly rowsOut: number;
}

serve({
  time: async ({ rows, parallelism, aggregate }: Question): Promise<Timed> => {
    collectGarbage();
    const before = process.cpuUsage();
    const output = aggregate ? aggregated(rows) : rowsAlone(rows);
    const { ms, metrics } = await timedRun(output, { parallelism });
    const { user, system } = process.cpuUsage(before);
    return { ms, cpuMs: (user + system) / 1000, rowsOut: metrics.rowsOut };
  },
});
