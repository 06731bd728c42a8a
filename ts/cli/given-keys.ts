/** The API keys that `headrace serve` is given: on the command line, in the environment, and in a file. */
import { readFileSync } from 'node:fs';
import { HeadraceError } from '../errors.ts';

const VARIABLE = 'HEADRACE_API_KEYS';
/** The longest file of keys that is read. */
const FILE_BYTES_MAX = 1024 * 1024;

/**
 * All keys, without repetitions. Throws `HR_OPTION_INVALID` where keys were meant to be and there are none: without keys
 * everybody may use the server.
 */
export function givenKeys(
  { apiKey, apiKeyFile }: { readonly apiKey?: readonly string[]; readonly apiKeyFile?: string },
  environment: NodeJS.ProcessEnv,
): readonly string[] {
  const variable = environment[VARIABLE];
  const keys = new Set(apiKey);
  if (variable !== undefined) for (const key of some(variable.split(','), VARIABLE)) keys.add(key);
  if (apiKeyFile !== undefined) for (const key of some(linesOf(apiKeyFile), apiKeyFile)) keys.add(key);
  return [...keys];
}

function some(texts: readonly string[], where: string): readonly string[] {
  const keys = texts.map((text) => text.trim()).filter((text) => text !== '');
  if (keys.length > 0) return keys;
  throw new HeadraceError('HR_OPTION_INVALID', `There is no API key in ${where}.`, {
    hint: 'Put one there, or do not set it: then everybody may use the server.',
  });
}

function linesOf(file: string): readonly string[] {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (cause) {
    const { code, message } = cause as NodeJS.ErrnoException;
    const what = `The file of API keys ${file} cannot be read: ${code ?? message}.`;
    throw new HeadraceError(code === 'ENOENT' ? 'HR_NOT_FOUND' : 'HR_IO', what, { cause });
  }
  if (text.length > FILE_BYTES_MAX)
    throw new HeadraceError('HR_OPTION_INVALID', `The file of API keys ${file} is longer than 1 MiB.`);
  return text.split('\n');
}
