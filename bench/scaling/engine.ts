/** The generator alone and with the aggregation, at a given parallelism. */
import { run } from '../../ts/index.ts';
import { aggregated, rowsAlone } from '../lib/generated.ts';
import { collectGarbage, serve } from '../lib/peer.ts';

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
    const job = await run(aggregate ? aggregated(rows) : rowsAlone(rows), { parallelism });
    const { durationMs, metrics } = await job.done;
    const { user, system } = process.cpuUsage(before);
    return { ms: durationMs, cpuMs: (user + system) / 1000, rowsOut: metrics.rowsOut };
  },
});
