/** The aggregation with and without checkpoints. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { RunEvent } from '../../ts/index.ts';
import { aggregated } from '../lib/generated.ts';
import { collectGarbage, serve } from '../lib/peer.ts';
import { timedRun } from '../lib/timed-run.ts';

/** What is run; without `everyMs` there are no checkpoints. */
export interface Question {
  readonly rows: number;
  readonly everyMs: number | null;
}

/** How long it took, on the clock and on all cores together, and how many checkpoints completed meanwhile. */
export interface Timed {
  readonly ms: number;
  readonly cpuMs: number;
  readonly checkpoints: number;
  /** Of the largest checkpoint. */
  readonly bytesMax: number;
  readonly rowsOut: number;
}

async function time({ rows, everyMs }: Question, folder: string): Promise<Timed> {
  collectGarbage();
  const checkpoint = everyMs === null ? {} : { checkpoint: { every: everyMs, to: folder, fresh: true } };
  let bytesMax = 0;
  const onEvent = (event: RunEvent) => {
    if (event.event === 'checkpoint') bytesMax = Math.max(bytesMax, event.bytes);
  };
  const before = process.cpuUsage();
  const { ms, metrics } = await timedRun(aggregated(rows), { ...checkpoint, onEvent });
  const { user, system } = process.cpuUsage(before);
  return {
    ms,
    cpuMs: (user + system) / 1000,
    checkpoints: metrics.checkpoints.completed,
    bytesMax,
    rowsOut: metrics.rowsOut,
  };
}

serve({
  time: async (question: Question): Promise<Timed> => {
    const folder = await mkdtemp(path.join(tmpdir(), 'headrace-bench-'));
    try {
      return await time(question, folder);
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  },
});
