// Real processes: a launcher that runs one child, ended in every way a launcher ends.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, describe, expect, test } from 'vitest';

const child = new URL('./child.mjs', import.meta.url).href;
const folder = mkdtempSync(path.join(tmpdir(), 'headrace-child-'));

/** Counts signals and takes its time to end, as the engine does. */
const patient = script(`
  console.log('pid', process.pid);
  let count = 0;
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
    process.on(signal, () => {
      console.log('got', signal, ++count);
      setTimeout(() => { console.log('in order'); process.exit(7); }, 1000);
    });
  }
  setInterval(() => {}, 1000);
`);
const looping = script(`console.log('pid', process.pid); setTimeout(() => { for (;;) {} }, 50);`);

function script(text) {
  const file = path.join(folder, `${Math.abs(hash(text))}.mjs`);
  writeFileSync(file, text);
  return file;
}

function hash(text) {
  let value = 0;
  for (const letter of text) value = (Math.imul(value, 31) + letter.charCodeAt(0)) | 0;
  return value;
}

const launcher = (call) =>
  script(`import { endLike, runProgram, runScript } from '${child}'; endLike(await ${call});`);
const runs = (file) => launcher(`runScript(process.execPath, ['${file}'])`);

const started = [];
/** Starts a program and waits until the innermost child has said its pid. */
async function begin(program, args, env = {}) {
  const { npm_lifecycle_event: _, ...rest } = process.env;
  const first = spawn(program, args, { env: { ...rest, ...env }, stdio: ['ignore', 'pipe', 'inherit'] });
  const one = { process: first, output: '', ended: once(first, 'exit'), innermost: 0 };
  first.stdout.setEncoding('utf8').on('data', (text) => {
    one.output += text;
  });
  one.closed = once(first.stdout, 'close');
  started.push(one);
  await until(() => /pid \d+\n/.test(one.output));
  one.innermost = Number(one.output.match(/pid (\d+)/)[1]);
  return one;
}

async function until(condition, ms = 15_000) {
  const deadline = Date.now() + ms;
  while (!condition()) {
    if (Date.now() > deadline) throw new Error(`not within ${ms} ms: ${condition}`);
    await sleep(20);
  }
}

function isAlive(pid) {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

afterEach(() => {
  for (const one of started.splice(0)) {
    for (const pid of [one.process.pid, one.innermost]) {
      if (pid && isAlive(pid)) process.kill(pid, 'SIGKILL');
    }
  }
});

describe.skipIf(process.platform === 'win32')('a launcher', () => {
  test('ends with the code of its child', async () => {
    const one = spawn(process.execPath, [runs(script('process.exit(42)'))], { stdio: 'inherit' });
    expect(await once(one, 'exit')).toEqual([42, null]);
  });

  test('ends by the signal that ended its child', async () => {
    const one = await begin(process.execPath, [runs(looping)]);
    process.kill(one.innermost, 'SIGTERM');
    expect(await one.ended).toEqual([null, 'SIGTERM']);
  });

  test('hands on one signal for a key press that arrives twice, and waits', async () => {
    const one = await begin(process.execPath, [runs(patient)]);
    one.process.kill('SIGINT');
    await sleep(50);
    one.process.kill('SIGINT');
    expect(await one.ended).toEqual([7, null]);
    await one.closed;
    expect(one.output).toBe(`pid ${one.innermost}\ngot SIGINT 1\nin order\n`);
  });

  test('hands on a second key press', async () => {
    const one = await begin(process.execPath, [runs(patient)]);
    one.process.kill('SIGINT');
    await sleep(700);
    one.process.kill('SIGINT');
    await one.closed;
    expect(one.output).toContain('got SIGINT 2');
  });

  test('that is killed takes its child with it, which may end in order', async () => {
    const one = await begin(process.execPath, [runs(patient)]);
    one.process.kill('SIGKILL');
    await one.closed;
    expect(one.output).toContain('got SIGTERM 1\nin order');
    await until(() => !isAlive(one.innermost));
  });

  test('that is killed takes a child with it whose main thread is stuck', async () => {
    const one = await begin(process.execPath, [runs(looping)]);
    await sleep(200);
    one.process.kill('SIGKILL');
    await until(() => !isAlive(one.innermost));
  });

  test('that is killed takes a program and its children with it', async () => {
    const one = await begin(process.execPath, [
      launcher(`runProgram('sh', ['-c', 'sleep 600 & echo pid $!; wait'])`),
    ]);
    expect(isAlive(one.innermost)).toBe(true);
    one.process.kill('SIGKILL');
    await until(() => !isAlive(one.innermost));
  });

  test('hands a signal on to a program and its children, and ends like it', async () => {
    const one = await begin(process.execPath, [
      launcher(`runProgram('sh', ['-c', 'sleep 600 & echo pid $!; wait'])`),
    ]);
    one.process.kill('SIGTERM');
    expect(await one.ended).toEqual([null, 'SIGTERM']);
    await until(() => !isAlive(one.innermost));
  });

  test('under npm ends when npm is killed, though a shell stands between', async () => {
    const npm = script(`
      import { spawn } from 'node:child_process';
      spawn('sh', ['-c', '${process.execPath} ${runs(patient)}'], { stdio: 'inherit' });
    `);
    const one = await begin(process.execPath, [npm], { npm_lifecycle_event: 'start' });
    one.process.kill('SIGKILL');
    await one.closed;
    expect(one.output).toContain('got SIGTERM 1\nin order');
    expect(isAlive(one.innermost)).toBe(false);
  });

  test('without npm goes on when the shell that started it is gone', async () => {
    const shell = script(`
      import { spawn } from 'node:child_process';
      spawn(process.execPath, ['${runs(patient)}'], { stdio: 'inherit' });
    `);
    const one = await begin(process.execPath, [shell]);
    one.process.kill('SIGKILL');
    await sleep(1200);
    expect(isAlive(one.innermost)).toBe(true);
    process.kill(one.innermost, 'SIGTERM');
    await one.closed;
  });
});
