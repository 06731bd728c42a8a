/**
 * A measured program in a process of its own, pinned to given cores: `startPeer` on the side that measures, `serve` on
 * the side that is measured. Only one peer works at a time, so that peers pinned to the same core never share it.
 */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';

/** What a peer can be asked to do, by name. */
export type Tasks = Readonly<Record<string, (input: never) => unknown>>;

interface Request {
  readonly task: string;
  readonly input: unknown;
}

type Answer = { readonly value: unknown } | { readonly error: string };

const canPin = spawnSync('taskset', ['--version']).status === 0;

let started = false;

/** Whether what was measured was pinned: peers are, where there is Linux's `taskset`. */
export function pinning(): string {
  if (!started) return 'not pinned';
  return canPin ? 'pinned with taskset' : 'NOT pinned: there is no taskset on this machine';
}

/** A running peer. */
export class Peer implements AsyncDisposable {
  readonly #child: ChildProcess;

  constructor(child: ChildProcess) {
    this.#child = child;
  }

  /** Runs a task and resolves with what it returned; rejects with what it threw, or when the process dies. */
  async call<Result>(task: string, input: unknown = null): Promise<Result> {
    const done = new AbortController();
    const { signal } = done;
    const ended = once(this.#child, 'exit', { signal }).then(([code, killer]) => {
      throw new Error(`The peer died (${killer ?? code}) in task ${task}.`);
    });
    const answered = once(this.#child, 'message', { signal });
    this.#child.send({ task, input } satisfies Request);
    try {
      const [answer] = (await Promise.race([answered, ended])) as [Answer];
      if ('error' in answer) throw new Error(`Task ${task} failed: ${answer.error}`);
      return answer.value as Result;
    } finally {
      // Takes the listener away that was not needed, and says so to nobody.
      ended.catch(() => {});
      answered.catch(() => {});
      done.abort();
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const ended = once(this.#child, 'exit');
    this.#child.disconnect();
    await ended;
  }
}

/** Starts the module `file` as a peer on `cpus`, a list such as `0` or `0,1`. */
export function startPeer(file: URL, cpus: string): Peer {
  const node = [process.execPath, '--expose-gc', '--max-old-space-size=8192', file.pathname];
  const [program = '', ...args] = canPin ? ['taskset', '-c', cpus, ...node] : node;
  started = true;
  return new Peer(spawn(program, args, { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] }));
}

/** Answers the calls of the process that started this one, until it hangs up. */
export function serve(tasks: Tasks): void {
  process.on('message', async ({ task, input }: Request) => {
    let answer: Answer;
    try {
      const work = tasks[task];
      if (work === undefined) throw new Error(`There is no such task.`);
      answer = { value: await work(input as never) };
    } catch (error) {
      answer = { error: error instanceof Error ? (error.stack ?? error.message) : String(error) };
    }
    process.send?.(answer);
  });
}

/** Collects garbage, so that what earlier work left behind is not paid for in the next measurement. */
export function collectGarbage(): void {
  globalThis.gc?.();
}
