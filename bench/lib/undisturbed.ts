/** Measurements on a machine that others use too: those during which they did are taken again. */
import os from 'node:os';

/** Others may use so large a part of the machine's cores. */
const OTHERS_MAX = 0.04;
const ATTEMPTS_MAX = 4;

export interface Undisturbed<T> {
  readonly value: T;
  /** The part of the cores that others used: more than allowed if no attempt was better. */
  readonly others: number;
}

/** Does the work, at most four times, until others have left the machine to it; of all attempts the least disturbed one. */
export async function undisturbed<T>(work: () => Promise<T>): Promise<Undisturbed<T>> {
  let best: Undisturbed<T> | undefined;
  for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt++) {
    const [busy, own, began] = [busyMs(), process.cpuUsage(), performance.now()];
    const value = await work();
    const ms = performance.now() - began;
    const { user, system } = process.cpuUsage(own);
    const others = Math.max(0, busyMs() - busy - (user + system) / 1000) / (ms * os.cpus().length);
    if (best === undefined || others < best.others) best = { value, others };
    if (others <= OTHERS_MAX) break;
  }
  return best as Undisturbed<T>;
}

/** What all cores together have worked, by the system's account. */
function busyMs(): number {
  return os.cpus().reduce((sum, { times }) => sum + times.user + times.nice + times.sys + times.irq, 0);
}
