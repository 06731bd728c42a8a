/**
 * The job in a process of its own, so that it can be killed: started by {@link spawnEngine}, it takes its settings as an
 * argument, reports over the IPC channel, and ends with its parent.
 */
import { type ChildProcess, fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { isHeadraceError, type JobMetrics } from '../../ts/index.ts';
import { type JobSettings, startJob } from './job.ts';

/** What the engine process reports. */
export type EngineMessage =
  /** `rows` is what earlier runs had read up to the checkpoint that this one goes on from. */
  | {
      readonly event: 'started';
      readonly from: string;
      readonly checkpoint: number | null;
      readonly rows: number;
    }
  /** A checkpoint is complete; `time` is the watermark in µs, `rows` what all runs have read. */
  | {
      readonly event: 'checkpoint';
      readonly checkpoint: number;
      readonly rows: number;
      readonly time: number | null;
    }
  | { readonly event: 'done'; readonly outcome: string; readonly metrics: JobMetrics }
  | { readonly event: 'failed'; readonly code: string; readonly message: string };

/** How an engine process ended. */
export interface EngineExit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  /** Everything that it reported, in order. */
  readonly messages: readonly EngineMessage[];
}

/** An engine process under way. */
export interface Engine {
  readonly process: ChildProcess;
  readonly exit: Promise<EngineExit>;
}

/** The first message of a kind. */
export function messageOf<E extends EngineMessage['event']>(
  { messages }: Pick<EngineExit, 'messages'>,
  event: E,
): Extract<EngineMessage, { event: E }> | undefined {
  return messages.find((message): message is Extract<EngineMessage, { event: E }> => message.event === event);
}

/** Starts an engine process; `env` is added to its environment. */
export function spawnEngine(
  settings: JobSettings,
  onMessage: (message: EngineMessage) => void = () => {},
  env: NodeJS.ProcessEnv = {},
): Engine {
  const messages: EngineMessage[] = [];
  const child = fork(fileURLToPath(import.meta.url), [toArgument(settings)], {
    env: { ...process.env, ...env },
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    // A process group of its own: Ctrl-C reaches the parent only, which decides what becomes of its engine.
    detached: true,
  });
  child.on('message', (message) => {
    messages.push(message as EngineMessage);
    onMessage(message as EngineMessage);
  });
  const exit = new Promise<EngineExit>((resolve, reject) => {
    child.once('error', reject);
    // Not `exit`: only at `close` have all messages been delivered.
    child.once('close', (code, signal) => resolve({ code, signal, messages }));
  });
  return { process: child, exit };
}

/** JSON has no bigint; the spans travel as text. */
function toArgument(settings: JobSettings): string {
  return JSON.stringify(settings, (_, value) =>
    typeof value === 'bigint' ? { micros: String(value) } : value,
  );
}

function fromArgument(text: string): JobSettings {
  return JSON.parse(text, (_, value) => (typeof value?.micros === 'string' ? BigInt(value.micros) : value));
}

async function main(argument: string): Promise<void> {
  const report = (message: EngineMessage) => process.send?.(message);
  process.once('disconnect', () => process.kill(process.pid, 'SIGKILL'));
  try {
    const job = await startJob(fromArgument(argument), (event) => {
      if (event.event !== 'checkpoint') return;
      const { rowsIn, watermark } = job.metrics();
      report({ event: 'checkpoint', checkpoint: event.checkpoint, rows: rowsIn, time: watermark });
    });
    const { from, checkpoint, rowsIn } = job.restored;
    report({ event: 'started', from, checkpoint, rows: rowsIn });
    process.on('SIGTERM', () => void job.stop().catch(() => {}));
    const { outcome, metrics } = await job.done;
    report({ event: 'done', outcome, metrics });
  } catch (error) {
    const code = isHeadraceError(error) ? error.code : 'unknown';
    report({ event: 'failed', code, message: error instanceof Error ? error.message : String(error) });
    process.exitCode = 1;
  }
  // Lets the process end by itself once its messages are out.
  process.removeAllListeners('disconnect');
  process.disconnect?.();
}

const [, script, argument] = process.argv;
if (script === fileURLToPath(import.meta.url) && argument !== undefined) await main(argument);
