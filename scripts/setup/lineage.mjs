// Notices that the npm which started the launcher is gone, even by `kill -9`.
//
// npm starts a script through a shell. Some shells replace themselves with the script, others
// (dash) stay between the two and notice nothing when npm dies; so the shell's parent is looked at
// as well. Only npm is watched: whoever starts the launcher from a shell with nohup wants it to go
// on when that shell ends.

import { readFileSync } from 'node:fs';
import path from 'node:path';

const everyMs = 500;
const started = lineage();

/** Calls `onGone` once when npm is gone. Returns a function that stops watching. */
export function watchNpm(onGone) {
  if (!process.env.npm_lifecycle_event) return () => {};
  const watch = setInterval(() => {
    if (lineage() === started) return;
    clearInterval(watch);
    onGone();
  }, everyMs);
  watch.unref();
  return () => clearInterval(watch);
}

/** Our parent and, if that is the shell around the script, its parent. */
function lineage() {
  const parent = process.ppid;
  return isShellAroundUs(parent) ? `${parent} ${parentOf(parent)}` : `${parent}`;
}

function isShellAroundUs(pid) {
  const [shell, flag, command] = (readProcess(pid, 'cmdline') ?? '').split('\0');
  return /sh$/.test(shell) && flag === '-c' && (command ?? '').includes(path.basename(process.argv[1] ?? ''));
}

/** The parent of a process, from /proc; undefined where there is none (macOS, whose sh replaces itself). */
function parentOf(pid) {
  // The name in parentheses may hold anything, so the fields are counted from behind it.
  return readProcess(pid, 'stat')
    ?.replace(/^.*\) /s, '')
    .split(' ')[1];
}

function readProcess(pid, file) {
  try {
    return readFileSync(`/proc/${pid}/${file}`, 'utf8');
  } catch {
    return undefined;
  }
}
