/** The two ways in which a model file is refused. */
import { HeadraceError } from '../../errors.ts';

/** The file does not hold what its format promises. */
export function damaged(file: { readonly name: string }, what: string): HeadraceError {
  return new HeadraceError('HR_DATA_CORRUPT', `${file.name} is not a sound GGUF file: ${what}.`, {
    hint: 'Download or convert it again.',
  });
}

/** The file is sound and asks for something that is not computed here. */
export function unsupported(file: { readonly name: string }, what: string, hint?: string): HeadraceError {
  return new HeadraceError('HR_MODEL_UNSUPPORTED', `${file.name} cannot be used: ${what}.`, { hint });
}
