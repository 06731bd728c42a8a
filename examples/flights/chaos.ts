/** `--chaos`: the engine is killed over and over, and what it leaves must equal what it leaves in peace. */
import { accountsOf } from './account.ts';
import { type Checksums, checksums, differences } from './checksum.ts';
import { type EngineExit, type EngineMessage, messageOf, spawnEngine } from './engine.ts';
import type { JobSettings } from './job.ts';
import { amount, minute } from './text.ts';

/** What is to be done. */
export interface ChaosPlan {
  /** The job; its folder, rate, parallelism and checkpoint interval are chosen here. */
  readonly settings: JobSettings;
  readonly kills: number;
  /** Decides when to kill and what parallelism comes next. */
  readonly seed: number;
  /** Rows of the source, for a rate at which all kills come in time. */
  readonly rows: number;
}

/** Where it took place. */
export interface ChaosResult {
  readonly equal: boolean;
  /** The folder of the run that was killed. */
  readonly out: string;
}

const PARALLELISMS = [1, 2, 4] as const;
/** A kill comes up to this long after the first checkpoint behind which a run has read rows; ms. */
const WAIT_MS_MAX = 1000;
const CHECKPOINT_MS = 200;
/** What a run takes until its first checkpoint at the rate chosen here, roughly; ms. */
const FIRST_CHECKPOINT_MS = 500;

/** Kills the engine `kills` times at moments drawn from `seed`, lets it finish, and compares with an undisturbed run. */
export async function chaos(plan: ChaosPlan, say: (line: string) => void): Promise<ChaosResult> {
  const { settings, kills } = plan;
  const [out, peaceful] = [`${settings.out}-chaos`, `${settings.out}-undisturbed`];
  say(`Undisturbed run into ${peaceful}`);
  const alone = await finish({ ...settings, out: peaceful, fresh: true });
  let rate = settings.rate ?? plan.rows / (((kills + 1) * (WAIT_MS_MAX + FIRST_CHECKPOINT_MS)) / 1000);
  say(
    `Run into ${out} at ${amount(Math.round(rate))} rows/s, to be killed ${kills} times (--seed ${plan.seed})`,
  );
  let resumed = await killed({ ...plan, settings: { ...settings, out, rate } }, say);
  while (resumed === undefined) {
    rate /= 2;
    say(`The job finished before all kills; again from the start, at ${amount(Math.round(rate))} rows/s`);
    resumed = await killed({ ...plan, settings: { ...settings, out, rate } }, say);
  }
  const [disturbed, undisturbed] = [await checksums(out), await checksums(peaceful)];
  const found = [...differences(disturbed, undisturbed), ...otherAccounts(resumed, alone)];
  if (found.length === 0) say(`Equal to the undisturbed run: ${describe(disturbed)}`);
  for (const difference of found) say(`NOT equal to the undisturbed run: ${difference}`);
  return { equal: found.length === 0, out };
}

/** Runs the job with all its kills; undefined if it finished before the last one could count. */
async function killed(plan: ChaosPlan, say: (line: string) => void): Promise<EngineExit | undefined> {
  const random = seeded(plan.seed);
  let parallelism = plan.settings.parallelism;
  for (let kill = 1; kill <= plan.kills; kill++) {
    const settings = { ...plan.settings, parallelism, checkpointMs: CHECKPOINT_MS, fresh: kill === 1 };
    const wait = Math.floor(random() * WAIT_MS_MAX);
    const exit = await killOnce(settings, wait);
    const [started, last] = [messageOf(exit, 'started'), exit.messages.findLast(isCheckpoint)];
    if (exit.signal !== 'SIGKILL' || started === undefined || last === undefined) return undefined;
    // Had the run before got as far as its end, which it did not live to tell, this one would have started over.
    if (kill > 1 && started.from !== 'checkpoint') return undefined;
    const others = PARALLELISMS.filter((other) => other !== parallelism);
    const next = others[Math.floor(random() * others.length)] ?? 1;
    const date = last.time === null ? '' : ` in ${minute(BigInt(last.time))}`;
    say(
      `  kill ${kill}: at parallelism ${parallelism}${date}, ${wait} ms after its first checkpoint with rows, ${amount(last.rows - started.rows)} rows into the run; resuming checkpoint ${last.checkpoint} or later at ${next}`,
    );
    parallelism = next;
  }
  const resumed = await finish({ ...plan.settings, rate: null, parallelism, fresh: false });
  const started = messageOf(resumed, 'started');
  if (started?.from !== 'checkpoint') return undefined;
  say(`  finished at parallelism ${parallelism} from checkpoint ${started.checkpoint}`);
  return resumed;
}

/** Kills an engine `wait` ms after the first checkpoint since when it has read rows, unless it is done before. */
async function killOnce(settings: JobSettings, wait: number): Promise<EngineExit> {
  let timer: NodeJS.Timeout | undefined;
  let done = false;
  let before = 0;
  const engine = spawnEngine(settings, (message) => {
    if (message.event === 'done') done = true;
    if (message.event === 'started') before = message.rows;
    if (!isCheckpoint(message) || message.rows <= before || timer !== undefined) return;
    timer = setTimeout(() => done || engine.process.kill('SIGKILL'), wait);
  });
  const exit = await withoutOrphan(engine.process, engine.exit);
  clearTimeout(timer);
  requireNoFailure(exit.messages);
  return done ? { ...exit, signal: null } : exit;
}

async function finish(settings: JobSettings): Promise<EngineExit> {
  const engine = spawnEngine(settings);
  const exit = await withoutOrphan(engine.process, engine.exit);
  requireNoFailure(exit.messages);
  if (exit.code !== 0) throw new Error(`The engine ended with ${exit.signal ?? `code ${exit.code}`}.`);
  return exit;
}

function isCheckpoint(message: EngineMessage): message is Extract<EngineMessage, { event: 'checkpoint' }> {
  return message.event === 'checkpoint';
}

/** How the account of the runs that were killed differs from that of the one that was not. */
function otherAccounts(resumed: EngineExit, alone: EngineExit): string[] {
  const [some, other] = [resumed, alone].map((exit) => {
    const done = messageOf(exit, 'done');
    return JSON.stringify(done === undefined ? null : accountsOf(done.metrics));
  });
  return some === other ? [] : [`the account ${some} against ${other}`];
}

function requireNoFailure(messages: readonly EngineMessage[]): void {
  const failure = messages.find((message) => message.event === 'failed');
  if (failure !== undefined) throw new Error(`The engine failed: ${failure.message}`);
}

/** Waits for an engine; when this process is told to end meanwhile, the engine ends first. */
async function withoutOrphan(
  child: { kill(signal: NodeJS.Signals): boolean },
  exit: Promise<EngineExit>,
): Promise<EngineExit> {
  const end = (signal: NodeJS.Signals) => {
    child.kill('SIGKILL');
    exit.finally(() => process.exit(signal === 'SIGINT' ? 130 : 143));
  };
  process.once('SIGINT', end).once('SIGTERM', end);
  try {
    return await exit;
  } finally {
    process.off('SIGINT', end).off('SIGTERM', end);
  }
}

function describe(sums: Checksums): string {
  const tables = Object.entries(sums).map(
    ([name, { rows, sha256 }]) => `${name} ${amount(rows)} rows ${sha256.slice(0, 16)}`,
  );
  return tables.join(', ');
}

/** Seeded numbers in [0, 1), by a 32-bit xorshift (Marsaglia, "Xorshift RNGs", 2003), which never may be at 0. */
function seeded(seed: number): () => number {
  let state = (seed ^ 0x9e3779b9) >>> 0 || 1;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) / 2 ** 32;
  };
}
