/** kill −9 at every named phase of a checkpoint, of the end and of recovery, each time resumed at another parallelism. */
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { checksums } from '../../examples/flights/checksum.ts';
import { messageOf } from '../../examples/flights/engine.ts';
import type { JobSettings } from '../../examples/flights/job.ts';
import { accountsAt, crashAt, finish, prepare, ROWS, type Scene } from './disturbed.ts';

let scene: Scene;
beforeAll(async () => {
  scene = await prepare();
});
afterAll(() => scene[Symbol.asyncDispose]());

/** Settings under which the job lasts about two seconds from its start. */
function disturbed(name: string): JobSettings {
  return { ...scene.settings, out: path.join(scene.folder, name), rate: ROWS / 2 };
}

async function expectUndisturbed(settings: JobSettings): Promise<void> {
  const exit = await finish({ ...settings, parallelism: 1, rate: null });
  expect(messageOf(exit, 'started')).toMatchObject({ from: 'checkpoint' });
  expect(await checksums(settings.out)).toEqual(scene.undisturbed);
  // Not only of the last run: what was counted up to a checkpoint stands in it.
  expect(accountsAt(exit)).toEqual(scene.accounts);
}

// `name:n` is the n-th time that the process comes by. Each subtask passes after-freeze and each file between-renames once
// a checkpoint, and starting writes a manifest too; so these numbers lie behind the first checkpoint.
const phases = [
  'after-freeze:4',
  'before-manifest:4',
  'after-manifest:4',
  'between-renames:20',
  'before-marker:3',
  'after-marker:3',
];

test.each(phases)('%s, at parallelism 1, then 2, then 4', async (phase) => {
  const settings = disturbed(phase.replace(':', '-'));
  const crashes = [1, 2, 4].map((parallelism) => ({ ...settings, parallelism }));
  for (const [number, crashing] of crashes.entries()) {
    const exit = await crashAt(phase, crashing);
    const from = messageOf(exit, 'started')?.from;
    // A crash counts only if a checkpoint had completed: in this run, or in the one that it goes on from.
    expect(number === 0 ? messageOf(exit, 'checkpoint') : from).toBeDefined();
    expect(from).toBe(number === 0 ? 'nothing' : 'checkpoint');
  }
  await expectUndisturbed(settings);
});

test('final-checkpoint, twice in a row', async () => {
  const settings = disturbed('final');
  const first = await crashAt('final-checkpoint', { ...settings, parallelism: 1 });
  expect(messageOf(first, 'checkpoint')).toBeDefined();
  await crashAt('final-checkpoint', { ...settings, parallelism: 4, rate: null });
  await expectUndisturbed(settings);
});

test('during-recovery, twice in a row', async () => {
  const settings = disturbed('recovery');
  await crashAt('after-manifest:4', { ...settings, parallelism: 2 });
  // Neither run gets as far as to start.
  for (const parallelism of [4, 1]) {
    const exit = await crashAt('during-recovery', { ...settings, parallelism });
    expect(messageOf(exit, 'checkpoint')).toBeUndefined();
  }
  await expectUndisturbed(settings);
});
