/** Errors as the command line shows them. */
import { isHeadraceError } from '../errors.ts';

/** Writes an error to stderr: code and what happened, where, what to do; or as one line of JSON to stdout. */
export function reportError(error: unknown, json: boolean): void {
  if (json) process.stdout.write(`${JSON.stringify({ error: asData(error) })}\n`);
  else process.stderr.write(`${describeError(error)}\n`);
}

/** An error in lines: what happened, where, why, what to do. */
export function describeError(error: unknown): string {
  if (!isHeadraceError(error)) return error instanceof Error ? (error.stack ?? error.message) : String(error);
  const { place, hint, cause } = error;
  const lines = [`${error.code}: ${error.summary}`];
  const where = [
    place?.operator && `in ${place.operator}`,
    place?.at && `at ${place.at}`,
    place?.row && `row ${place.row}`,
  ];
  if (where.some(Boolean)) lines.push(`  where  ${where.filter(Boolean).join(', ')}`);
  // The stack of user code; an error of ours has said everything already.
  if (
    cause instanceof Error &&
    !isHeadraceError(cause) &&
    cause.stack !== undefined &&
    error.code.startsWith('HR_USER')
  ) {
    lines.push(`  cause  ${cause.stack.split('\n').join('\n  ')}`);
  }
  if (hint !== undefined) lines.push(`  hint   ${hint}`);
  return lines.join('\n');
}

function asData(error: unknown): unknown {
  if (isHeadraceError(error)) return error;
  return { code: null, message: error instanceof Error ? error.message : String(error) };
}
