// Ends this process when the one that started it is gone, however it went.
//
// The launcher holds one end of a pipe and never writes to it; this process holds the other. When
// the launcher dies, even by `kill -9`, the kernel closes its end. Then this process gets SIGTERM,
// which it may answer by finishing in order, and SIGKILL if it is still there after the grace
// period. The pipe is watched by a worker thread, so a main thread caught in a loop ends too.
//
// Use: `node --import leash.mjs FILE`, with HEADRACE_LEASH_FD naming the descriptor of the pipe.
// Without the variable this file does nothing. The variable is removed, so that children of this
// process do not take it for theirs.

import { Socket } from 'node:net';
import { isMainThread, Worker, workerData } from 'node:worker_threads';

const graceMs = 10_000;

if (isMainThread) {
  const fd = Number(process.env.HEADRACE_LEASH_FD);
  delete process.env.HEADRACE_LEASH_FD;
  if (fd > 2) {
    new Worker(new URL(import.meta.url), { workerData: { leash: fd }, execArgv: [], stdin: false }).unref();
  }
} else if (workerData?.leash) {
  const pipe = new Socket({ fd: workerData.leash, readable: true, writable: false });
  pipe.on('error', () => {});
  pipe.once('close', () => {
    process.kill(process.pid, 'SIGTERM');
    setTimeout(() => process.kill(process.pid, 'SIGKILL'), graceMs);
  });
  pipe.resume();
}
