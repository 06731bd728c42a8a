// Starts a child, hands signals on to it exactly once, and waits for it to end.
//
// A child leads a process group of its own. So Ctrl-C in a terminal reaches the launcher only (and
// npm, which sends it to the launcher a second time); the launcher sends it on once. Without this
// the engine would take one Ctrl-C for two, and the second means "cancel at once".

import { spawn } from 'node:child_process';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { watchNpm } from './lineage.mjs';

/** A signal that comes again within this time is the same key press, forwarded by npm. */
const sameKeyPressMs = 500;
/** How long a child may take to end in order once npm, which started the launcher, is gone. */
const graceMs = 10_000;

const leash = fileURLToPath(new URL('./leash.mjs', import.meta.url));
const guard = fileURLToPath(new URL('./guard.mjs', import.meta.url));
const ownGroup = process.platform !== 'win32';
const forwarded = ['SIGINT', 'SIGTERM', 'SIGHUP', ...(ownGroup ? ['SIGWINCH'] : [])];

/**
 * Runs a script with `node` (22 or newer) and waits. Signals go to that one process, which decides
 * about its own children.
 * @returns {Promise<{ code: number | null, signal: NodeJS.Signals | null }>} how it ended
 */
export function runScript(node, args, { cwd, env } = {}) {
  const child = start(node, ['--import', pathToFileURL(leash).href, ...args], cwd, env);
  return settle(child, (signal) => child.kill(signal));
}

/**
 * Runs any program and waits. Signals go to its whole process group.
 * @returns {Promise<{ code: number | null, signal: NodeJS.Signals | null }>} how it ended
 */
export function runProgram(program, args, { cwd, env } = {}) {
  const child = start(process.execPath, [guard, program, ...args], cwd, env);
  return settle(child, (signal) => (ownGroup ? process.kill(-child.pid, signal) : child.kill(signal)));
}

function start(program, args, cwd, env = process.env) {
  return spawn(program, args, {
    cwd,
    env: { ...env, HEADRACE_LEASH_FD: '3' },
    stdio: ['inherit', 'inherit', 'inherit', 'pipe'],
    detached: ownGroup,
  });
}

function settle(child, send) {
  return new Promise((resolve, reject) => {
    const detach = forwardSignals(child, send);
    child.once('error', (error) => {
      detach();
      reject(error);
    });
    child.once('exit', (code, signal) => {
      detach();
      resolve({ code, signal });
    });
  });
}

function forwardSignals(child, send) {
  const running = () => child.pid !== undefined && child.exitCode === null && child.signalCode === null;
  const lastSent = new Map();
  const handlers = forwarded.map((signal) => {
    const handler = () => {
      const now = performance.now();
      if (!running() || now - (lastSent.get(signal) ?? Number.NEGATIVE_INFINITY) < sameKeyPressMs) return;
      lastSent.set(signal, now);
      send(signal);
    };
    process.on(signal, handler);
    return [signal, handler];
  });
  const unwatch = watchNpm(() => {
    if (running()) send('SIGTERM');
    setTimeout(() => running() && send('SIGKILL'), graceMs).unref();
  });
  return () => {
    unwatch();
    for (const [signal, handler] of handlers) process.off(signal, handler);
  };
}

/** Ends this process the way the child ended: with its code, or by the same signal. */
export function endLike({ code, signal }) {
  if (signal === null) process.exit(code ?? 1);
  process.removeAllListeners(signal);
  process.kill(process.pid, signal);
}
