/**
 * Marks that a converted model is in use: a small file in the cache that names the model and the process, so that no process
 * removes the model to make room while another one has it.
 */
import { hash, randomUUID } from 'node:crypto';
import { readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import path from 'node:path';
import { threadId } from 'node:worker_threads';

const PREFIX = '.use-';
/** Whether a process of another machine lives cannot be asked; its mark counts for this long. */
const ELSEWHERE_MS = 24 * 3600 * 1000;
/** Marks of this process that are older than itself are those of one that had its number before. */
const STARTED_MS = Date.now() - process.uptime() * 1000;
/** Clocks of file systems are rough. */
const ROUGH_MS = 2_000;

const HOST = hash('sha256', hostname()).slice(0, 16);

/** A mark that this thread has made. */
export interface Use {
  /** Its path; undefined if the cache cannot be written, so that nobody makes room in it either. */
  readonly mark: string | undefined;
}

/** Marks a model as in use, until `endUse` or the end of the process. */
export function beginUse(cache: string, name: string): Use {
  const mark = path.join(cache, `${PREFIX}${randomUUID()}`);
  try {
    writeFileSync(mark, JSON.stringify({ name, host: HOST, process: process.pid, thread: threadId }), {
      flag: 'wx',
    });
    return { mark };
  } catch {
    return { mark: undefined };
  }
}

/** Takes the mark away; twice is no harm. */
export function endUse({ mark }: Use): void {
  try {
    if (mark !== undefined) rmSync(mark, { force: true });
  } catch {
    // A mark that cannot be removed counts until this process ends.
  }
}

/** Takes away the marks of a thread of this process that has been ended from outside, at whatever point. O(marks). */
export function endUsesOf(cache: string, ended: number): void {
  try {
    for (const mark of marks(cache)) {
      const { host, process: id, thread } = contentOf(mark);
      if (host === HOST && id === process.pid && thread === ended) endUse({ mark });
    }
  } catch {
    // A folder that is not there, or cannot be read, has no marks of ours.
  }
}

/** The names of the models in use. Marks of processes that have ended are removed. O(marks). */
export function inUse(cache: string): Set<string> {
  const names = new Set<string>();
  for (const mark of marks(cache)) {
    const name = marked(mark);
    if (name === undefined) endUse({ mark });
    else names.add(name);
  }
  return names;
}

/** The paths of all marks. */
function marks(cache: string): string[] {
  return readdirSync(cache)
    .filter((entry) => entry.startsWith(PREFIX))
    .map((entry) => path.join(cache, entry));
}

/** The name in a mark that counts. */
function marked(mark: string): string | undefined {
  const since = statSync(mark, { throwIfNoEntry: false })?.mtimeMs;
  if (since === undefined) return undefined;
  const young = Date.now() - since < ELSEWHERE_MS;
  const { name, host, process: id } = contentOf(mark);
  const counts = host === HOST ? lives(id, since) : young;
  return counts && typeof name === 'string' ? name : undefined;
}

/** What a mark says; nothing if it has gone, or cannot be read. */
function contentOf(mark: string): { readonly [key: string]: unknown } {
  try {
    return Object(JSON.parse(readFileSync(mark, 'utf8')));
  } catch {
    return {};
  }
}

function lives(id: unknown, since: number): boolean {
  if (id === process.pid) return since > STARTED_MS - ROUGH_MS;
  try {
    process.kill(id as number, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
