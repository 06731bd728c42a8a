/**
 * What a self-test has found, kept beside the converted model for as long as nothing changes that it depends on: the graph,
 * the runtime, the processor, the number of threads.
 */
import { hash } from 'node:crypto';
import { existsSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { availableParallelism, cpus } from 'node:os';
import path from 'node:path';
import type { SelfTest } from './self-test.ts';

const FILE = 'self-test.json';
/** Counts up when the self-test finds out something else. */
const VERSION = 1;
/** Machines and settings that are remembered; the last ones. */
const KEPT_MAX = 16;
/** No file of ours is longer. */
const BYTES_MAX = 2 ** 20;
/** How often a test is tried that had no time for all: the machine may have been busy. */
const TRIES_MAX = 3;

/** What a self-test depends on. */
export interface Circumstances {
  /** A digest of the graph and its weights. */
  readonly graph: string;
  /** The version of the runtime. */
  readonly runtime: string;
  /** Threads of a step; as many as there are cores unless told. */
  readonly threads: number | undefined;
}

interface Entry {
  readonly key: string;
  readonly tries: number;
  readonly found: SelfTest;
}

/**
 * What `test` found in `folder` under these circumstances before, or finds now. A file that cannot be read or is not ours
 * counts as none, and one that cannot be written is done without.
 */
export async function remembered(
  folder: string,
  circumstances: Circumstances,
  test: () => Promise<SelfTest>,
): Promise<SelfTest> {
  const file = path.join(folder, FILE);
  const key = keyOf(circumstances);
  const before = read(file).find((entry) => entry.key === key);
  if (before !== undefined && (before.found.leftOut.length === 0 || before.tries >= TRIES_MAX))
    return before.found;
  const now = await test();
  const found = before === undefined ? now : fuller(before.found, now);
  // Another process may have added something meanwhile.
  const others = read(file).filter((entry) => entry.key !== key);
  if (found.deterministic !== undefined)
    write(file, [...others, { key, tries: (before?.tries ?? 0) + 1, found }].slice(-KEPT_MAX));
  return found;
}

/** What a difference was found in, or else what more was tried in. */
function fuller(before: SelfTest, now: SelfTest): SelfTest {
  if (now.deterministic === false) return now;
  if (before.deterministic === false) return before;
  return now.deterministic !== undefined && now.leftOut.length <= before.leftOut.length ? now : before;
}

function keyOf({ graph, runtime, threads = availableParallelism() }: Circumstances): string {
  const { platform, arch } = process;
  const parts = [VERSION, graph, runtime, threads, platform, arch, cpus()[0]?.model, processorFlags()];
  return hash('sha256', JSON.stringify(parts));
}

/** The instruction sets that kernels are chosen by; they may be fewer in a virtual machine than the model has. */
function processorFlags(): string {
  try {
    return /^(?:flags|Features)\s*:(.*)$/m.exec(readFileSync('/proc/cpuinfo', 'utf8'))?.[1] ?? '';
  } catch {
    return '';
  }
}

function read(file: string): Entry[] {
  try {
    if (statSync(file).size > BYTES_MAX) return [];
    const { entries } = JSON.parse(readFileSync(file, 'utf8'));
    return entries.filter(isEntry);
  } catch {
    return [];
  }
}

function isEntry(value: unknown): value is Entry {
  const { key, tries, found } = value as Partial<Entry>;
  const texts = (list: unknown) => Array.isArray(list) && list.every((text) => typeof text === 'string');
  return (
    typeof key === 'string' &&
    typeof tries === 'number' &&
    typeof found?.deterministic === 'boolean' &&
    typeof found.ms === 'number' &&
    texts(found.differences) &&
    texts(found.leftOut)
  );
}

function write(file: string, entries: readonly Entry[]): void {
  const temporary = `${file}.${process.pid}`;
  try {
    writeFileSync(temporary, JSON.stringify({ entries }));
    renameSync(temporary, file);
  } catch {
    // A cache that cannot be written costs the next start a self-test.
  } finally {
    if (existsSync(temporary)) rmSync(temporary);
  }
}
