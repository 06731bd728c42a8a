/** What the turns of a thread's event loop take of its CPU. */
import { setImmediate as turn } from 'node:timers/promises';

/** Shorter turns are not listed. */
const LISTED_MS = 0.5;

/**
 * Does the work; resolves with the CPU time of each turn of the loop meanwhile that took more than half a millisecond. A turn is one
 * task of the thread or several, collecting garbage included, so none took longer. Time for which the thread was kept from running
 * does not count, unlike in the delay of a timer. The loop never rests meanwhile.
 */
export async function cpuOfTurns(work: () => Promise<unknown>): Promise<number[]> {
  const turns: number[] = [];
  let working = true;
  const done = work().finally(() => {
    working = false;
  });
  let [before, began] = [cpuMs(), performance.now()];
  while (working) {
    await turn();
    const [ms, now] = [performance.now() - began, cpuMs()];
    // The account is late at times: then a turn seems to have had more of the CPU than there was time.
    const took = Math.min(now - before, ms);
    if (took > LISTED_MS) turns.push(took);
    [before, began] = [now, performance.now()];
  }
  await done;
  return turns;
}

const nobody = new Int32Array(new SharedArrayBuffer(4));

/** What this thread has had of the CPU. The system brings its account up to date when a thread goes to sleep, else every 4 ms or so. */
function cpuMs(): number {
  Atomics.wait(nobody, 0, 0, 0.01);
  const { user, system } = process.threadCpuUsage();
  return (user + system) / 1000;
}
