// Runs one program that knows nothing of the leash (cargo, npm) and passes its end on.
//
// `node guard.mjs PROGRAM [ARGUMENT…]` leads its own process group, so when the leash pulls or a
// signal comes, the program's own children (a dozen rustc) end with it.

import { spawn } from 'node:child_process';
import './leash.mjs';

const [program, ...args] = process.argv.slice(2);
const child = spawn(program, args, { stdio: 'inherit' });

let passedOn = false;
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
  process.on(signal, () => {
    if (passedOn) return;
    passedOn = true;
    if (process.platform === 'win32') child.kill(signal);
    else process.kill(-process.pid, signal);
  });
}

child.once('error', (error) => {
  console.error(`Cannot start ${program}: ${error.message}`);
  process.exit(127);
});
child.once('exit', (code, signal) => {
  if (code !== null) process.exit(code);
  process.removeAllListeners(signal);
  process.kill(process.pid, signal);
});
