/** Finds onnxruntime-node, which is installed by those who run models, and checks that it is one that is known here. */
import { createRequire } from 'node:module';
import type * as Runtime from 'onnxruntime-node';
import { HeadraceError } from '../../errors.ts';
import { probe } from './probe.ts';

export type { Runtime };

/** Of other versions nobody has tried what is relied on here. */
const VERSION = /^1\.30\./;
const HINT = 'Install it: npm install onnxruntime-node@1.30.0';

/** The runtime, and its version. */
export interface LoadedRuntime {
  readonly runtime: typeof Runtime;
  readonly version: string;
}

const loaded = new Map<string, Promise<LoadedRuntime>>();

/**
 * Loads the runtime as the module at `from` finds it, and tries it out; the same one is tried once. `HR_MODEL_RUNTIME` says what
 * is wrong with it and how to install the right one.
 */
export function loadRuntime(from: string = import.meta.url): Promise<LoadedRuntime> {
  let found = loaded.get(from);
  if (found === undefined) {
    found = load(createRequire(from));
    loaded.set(from, found);
    found.catch(() => loaded.delete(from));
  }
  return found;
}

/** The version that is installed, without loading it; `HR_MODEL_RUNTIME` if there is none, or another than is supported. */
export function runtimeVersion(require: NodeJS.Require = createRequire(import.meta.url)): string {
  const version = attempt(() => require('onnxruntime-node/package.json').version as string);
  if (VERSION.test(version)) return version;
  throw unusable(`onnxruntime-node is of version ${version}, and 1.30 is supported`);
}

async function load(require: NodeJS.Require): Promise<LoadedRuntime> {
  const version = runtimeVersion(require);
  const runtime = attempt(() => require('onnxruntime-node') as typeof Runtime);
  const wrong = await probe(runtime);
  if (wrong !== undefined) throw unusable(`onnxruntime-node ${version} ${wrong}`);
  return { runtime, version };
}

function attempt<T>(work: () => T): T {
  try {
    return work();
  } catch (cause) {
    const missing = /Cannot find module 'onnxruntime-node/.test((cause as Error).message);
    const what = missing ? 'is not installed' : `cannot be loaded (${(cause as Error).message})`;
    throw unusable(`Models run on onnxruntime-node, which ${what}`, cause);
  }
}

function unusable(what: string, cause?: unknown): HeadraceError {
  return new HeadraceError('HR_MODEL_RUNTIME', `${what}.`, { hint: HINT, cause });
}
