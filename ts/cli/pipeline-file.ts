/** The file that the command line is given: a module whose default export is a pipeline. */
import { access } from 'node:fs/promises';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { Output } from '../api/output.ts';
import type { RunOptions } from '../control/run-options.ts';
import { HeadraceError } from '../errors.ts';

/** What a pipeline file exports. */
export interface Pipeline {
  readonly outputs: readonly Output[];
  readonly options: RunOptions;
}

/**
 * Loads a file whose default export is an output, a list of outputs, or `{ sinks, options }`. Throws `HR_NOT_FOUND`
 * when there is no such file and `HR_OPTION_INVALID` when it exports something else; what the file throws passes through.
 */
export async function loadPipeline(file: string): Promise<Pipeline> {
  const full = path.resolve(file);
  await access(full).catch((cause: unknown) => {
    throw new HeadraceError('HR_NOT_FOUND', `There is no file '${file}'.`, { cause });
  });
  const module = (await import(pathToFileURL(full).href)) as { default?: unknown };
  const exported = module.default;
  const outputs = outputsOf(exported);
  if (outputs !== undefined) return { outputs, options: {} };
  const { sinks, options } = (exported ?? {}) as { sinks?: unknown; options?: RunOptions };
  const named = outputsOf(sinks);
  if (named !== undefined) return { outputs: named, options: options ?? {} };
  throw new HeadraceError('HR_OPTION_INVALID', `The default export of '${file}' is not a pipeline.`, {
    hint: 'Write `export default [stream.to(sink.parquet("out"))]`, or `export default { sinks: […], options: {…} }`.',
  });
}

function outputsOf(value: unknown): readonly Output[] | undefined {
  const list: readonly unknown[] = Array.isArray(value) ? value : [value];
  // By structure: the file may import another copy of headrace than this one.
  const isOutput = (item: unknown): item is Output => {
    return item instanceof Output || (typeof item === 'object' && item !== null && 'draft' in item);
  };
  return list.length > 0 && list.every(isOutput) ? (list as readonly Output[]) : undefined;
}
