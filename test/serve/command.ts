/** `headrace serve` in a process of its own, over the tiny model. */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { type TinyOptions, tinyFile } from '../llm/tiny-model.ts';

const CHECKOUT: Installation = {
  node: process.execPath,
  main: path.resolve(import.meta.dirname, '../../ts/cli/main.ts'),
};

/** A folder with the tiny model; commands that run in it have their caches there too. */
export function tinyFolder(options: TinyOptions = {}) {
  const folder = mkdtempSync(path.join(tmpdir(), 'headrace-command-'));
  writeFileSync(
    path.join(folder, 'tiny.gguf'),
    tinyFile({ type: 'Q4_1', embedding: 'Q8_0', context: 1024, ...options }),
  );
  return { folder, remove: () => rmSync(folder, { recursive: true, force: true }) };
}

/** Another installation than the checkout. */
export interface Installation {
  readonly node: string;
  /** The program of the command line. */
  readonly main: string;
}

export interface Ended {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly out: string;
  readonly err: string;
}

export class Command implements AsyncDisposable {
  readonly child: ChildProcess;
  readonly ended: Promise<Ended>;
  #out = '';
  #err = '';

  constructor(
    folder: string,
    args: readonly string[],
    env: Record<string, string> = {},
    { node, main }: Installation = CHECKOUT,
  ) {
    this.child = spawn(node, [main, 'serve', ...args], {
      cwd: folder,
      env: { ...process.env, XDG_CACHE_HOME: path.join(folder, 'cache'), ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.child.stdout?.on('data', (data) => {
      this.#out += data;
    });
    this.child.stderr?.on('data', (data) => {
      this.#err += data;
    });
    this.ended = new Promise((resolve) =>
      this.child.once('close', (code, signal) => resolve({ code, signal, out: this.#out, err: this.#err })),
    );
  }

  /** Waits until it has printed this; the match. */
  async printed(what: RegExp): Promise<RegExpExecArray> {
    for (;;) {
      const match = what.exec(this.#out);
      if (match !== null) return match;
      const more = new Promise((resolve) => this.child.stdout?.once('data', resolve));
      const ended = await Promise.race([more.then(() => undefined), this.ended]);
      if (ended !== undefined) throw new Error(`It ended: ${JSON.stringify(ended)}`);
    }
  }

  /** The address that it listens on. */
  async url(): Promise<string> {
    return (await this.printed(/^Listening on (\S+);/m))[1] as string;
  }

  /** Waits until the model is loaded; the address. */
  async ready(): Promise<string> {
    await this.printed(/^Serving /m);
    return this.url();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.child.kill('SIGKILL');
    await this.ended;
  }
}
