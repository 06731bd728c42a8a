/** The user's file and line behind a call into headrace. */
import { relative } from 'node:path';
import { fileURLToPath } from 'node:url';

// Frames of headrace itself are skipped; its tests count as users.
const HOME = fileURLToPath(new URL('..', import.meta.url));
const OWN_TEST = /\.test(-d)?\.ts$/;
// `at name (file:line:column)`, or without a name and parentheses; the file may be a URL.
const FRAME = /^at (?:.* \()?(?:async )?(.+):(\d+):\d+\)?$/;
// Deep enough for the layers of the builder between the user and this function.
const DEPTH_MAX = 12;

/** `file:line` of the first frame outside headrace, relative to the working directory where it lies inside. */
export function callSite(): string | null {
  for (const line of stack().split('\n').slice(1)) {
    const match = FRAME.exec(line.trim());
    if (match === null) continue;
    const [, name = '', number] = match;
    const file = name.startsWith('file:') ? fileURLToPath(name) : name;
    if (file.startsWith('node:') || (file.startsWith(HOME) && !OWN_TEST.test(file))) continue;
    const path = relative(process.cwd(), file);
    return `${path.startsWith('..') ? file : path}:${number}`;
  }
  return null;
}

function stack(): string {
  const limit = Error.stackTraceLimit;
  Error.stackTraceLimit = DEPTH_MAX;
  const text = new Error().stack ?? '';
  Error.stackTraceLimit = limit;
  return text;
}
