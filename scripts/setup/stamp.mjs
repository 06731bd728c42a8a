// Remembers what a step was last done for, so that it is not done again for the same.

import { createHash } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, renameSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';

/** Folders that hold products or packages and never sources. */
const notSources = new Set(['node_modules', 'target', 'dist', '.git']);

/** True if `file` holds exactly `stamp`. */
export function isStamped(file, stamp) {
  try {
    return readFileSync(file, 'utf8') === stamp;
  } catch {
    return false;
  }
}

/** Writes `stamp` to `file`, whole or not at all. */
export function writeStamp(file, stamp) {
  mkdirSync(path.dirname(file), { recursive: true });
  const draft = `${file}.${process.pid}`;
  writeFileSync(draft, stamp);
  renameSync(draft, file);
}

/** A hash of the given texts. */
export function hashOf(...texts) {
  const hash = createHash('sha256');
  for (const text of texts) hash.update(`${text.length}:`).update(text);
  return hash.digest('hex');
}

/**
 * A hash of the path, size and modification time of every source file under `names` in `base`; far
 * cheaper than reading them (a few milliseconds for a thousand files). `names` that do not exist
 * count as absent; files for which `ignored` is true do not count.
 */
export function hashOfSources(base, names, ignored = () => false) {
  const lines = [];
  const visit = (name) => {
    const stat = statSync(path.join(base, name), { throwIfNoEntry: false });
    if (stat === undefined) return;
    if (stat.isDirectory()) {
      for (const entry of readdirSync(path.join(base, name)).sort()) {
        if (!notSources.has(entry)) visit(`${name}/${entry}`);
      }
    } else if (!ignored(name)) {
      lines.push(`${name} ${stat.size} ${stat.mtimeMs}`);
    }
  };
  for (const name of names) visit(name);
  return hashOf(lines.join('\n'));
}
