/** Finds onnxruntime-node, which is installed by those who run models, and checks that it is the version that is known here. */
import { createRequire } from 'node:module';
import type * as Runtime from 'onnxruntime-node';
import { HeadraceError } from '../../errors.ts';

export type { Runtime };

/** Of other versions it is not known whether inputs are read in place and outputs are fresh memory. */
const VERSION = /^1\.30\./;
const HINT = 'Install it: npm install onnxruntime-node@1.30.0';

/** The runtime, and its version. */
export interface LoadedRuntime {
  readonly runtime: typeof Runtime;
  readonly version: string;
}

/** Loads the runtime, or says with `HR_MODEL_RUNTIME` how to install it. */
export async function loadRuntime(): Promise<LoadedRuntime> {
  let version: string;
  let runtime: typeof Runtime;
  try {
    version = createRequire(import.meta.url)('onnxruntime-node/package.json').version;
    runtime = await import('onnxruntime-node');
  } catch (cause) {
    const missing = (cause as NodeJS.ErrnoException).code === 'MODULE_NOT_FOUND';
    const what = missing ? 'is not installed' : `cannot be loaded (${(cause as Error).message})`;
    throw new HeadraceError('HR_MODEL_RUNTIME', `Models run on onnxruntime-node, which ${what}.`, {
      hint: HINT,
      cause,
    });
  }
  if (!VERSION.test(version)) {
    throw new HeadraceError(
      'HR_MODEL_RUNTIME',
      `onnxruntime-node is of version ${version}, and 1.30 is supported.`,
      {
        hint: HINT,
      },
    );
  }
  return { runtime, version };
}
