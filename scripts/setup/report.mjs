// What the launcher says. Everything goes to stderr: stdout belongs to the program it starts.

const color = process.stderr.isTTY && !process.env.NO_COLOR;
const paint = (code, text) => (color ? `\u001b[${code}m${text}\u001b[0m` : text);

/** A failure the user can act on; its message says what to do, so no stack is shown. */
export class SetupError extends Error {}

export function say(text) {
  process.stderr.write(`${text}\n`);
}

/** Says something that must not be overlooked. */
export function warn(text) {
  say(paint(33, `\n! ${text}`));
}

/** Announces a step, does it, and says how long it took. A result with a code or signal other than 0 is a failure. */
export async function step(name, work) {
  say(paint(1, `\n▸ ${name}`));
  const began = performance.now();
  const ended = await work();
  const seconds = ((performance.now() - began) / 1000).toFixed(1);
  const failed = ended !== undefined && (ended.code !== 0 || ended.signal !== null);
  const how = failed ? ` (${ended.signal ?? `exit code ${ended.code}`})` : '';
  say(failed ? paint(31, `✗ ${name} failed after ${seconds} s${how}`) : paint(32, `✓ ${name} ${seconds} s`));
  return ended;
}
