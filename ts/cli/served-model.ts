/** The MODEL of `headrace serve`: a file, or a name of the catalogue. */
import { existsSync } from 'node:fs';
import path from 'node:path';
import { HeadraceError } from '../errors.ts';
import { FileSource } from '../llm/gguf/byte-source.ts';
import { modelCache } from '../llm/import/cache.ts';
import { CATALOGUE } from '../llm/pull/catalogue.ts';

export interface ServedModel {
  readonly file: string;
  /** What requests call it: its name in the catalogue, or that of its file, which whoever starts the server has before them. */
  readonly name: string;
}

/** Finds the model without loading it. Throws `HR_NOT_FOUND`, with the command that fetches it if there is one. */
export function servedModel(model: string): ServedModel {
  const entry = Object.hasOwn(CATALOGUE, model) ? CATALOGUE[model] : undefined;
  if (entry !== undefined) {
    const file = path.join(modelCache(), entry.file);
    if (existsSync(file)) return { file, name: model };
    throw new HeadraceError('HR_NOT_FOUND', `The model ${model} is not on this machine.`, {
      hint: `Fetch it: npx headrace model pull ${model}`,
    });
  }
  if (!existsSync(model)) {
    throw new HeadraceError('HR_NOT_FOUND', `There is no file '${model}', and no model of that name.`, {
      hint: `Give the path of a GGUF file, or one of these names: ${Object.keys(CATALOGUE).join(', ')}.`,
    });
  }
  // What cannot be read is said before anything listens.
  using _ = new FileSource(model);
  return { file: path.resolve(model), name: path.basename(model, '.gguf') };
}
