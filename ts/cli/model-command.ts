/** `headrace model pull NAME`: fetches a model of the catalogue. */
import { catalogueEntry, pullModel } from '../llm/pull/pull.ts';

/** Progress is shown this often on a terminal, and in steps of a tenth elsewhere. */
const TTY_MS = 250;

/** Fetches the model with progress on stderr; its path. */
export async function pullCommand(name: string): Promise<string> {
  const entry = catalogueEntry(name);
  const target = process.stderr;
  let shownAt = 0;
  let tenths = -1;
  const file = await pullModel(entry, {
    onProgress(bytes, of) {
      const line = `${entry.file}: ${Math.floor(bytes / 1e6)} of ${Math.ceil(of / 1e6)} MB`;
      if (target.isTTY && (bytes === of || performance.now() - shownAt > TTY_MS)) {
        shownAt = performance.now();
        target.write(`\r${line}${bytes === of ? '\n' : ''}`);
      } else if (!target.isTTY && Math.floor((10 * bytes) / of) > tenths) {
        tenths = Math.floor((10 * bytes) / of);
        target.write(`${line}\n`);
      }
    },
  });
  target.write(`License: ${entry.license}\n`);
  return file;
}
