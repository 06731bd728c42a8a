/** kill −9 at random moments, as `npm start -- --chaos` does it. */
import { once } from 'node:events';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { chaos } from '../../examples/flights/chaos.ts';
import { spawnEngine } from '../../examples/flights/engine.ts';
import { draw } from '../seeds.ts';
import { prepare, ROWS, type Scene } from './disturbed.ts';

let scene: Scene;
beforeAll(async () => {
  scene = await prepare();
});
afterAll(() => scene[Symbol.asyncDispose]());

test('four kills leave what no kill leaves', async () => {
  const { seed, replay } = draw(1);
  const lines: string[] = [`Replay with: ${replay}`];
  const settings = { ...scene.settings, out: path.join(scene.folder, 'random') };
  const { equal } = await chaos({ settings, kills: 4, seed, rows: ROWS }, (line) => lines.push(line));
  expect(equal, lines.join('\n')).toBe(true);
  const kills = lines.filter((line) => line.startsWith('  kill '));
  expect(kills.length).toBeGreaterThanOrEqual(4);
  // Each came in the midst of the work: after the resumption rows had been read.
  for (const kill of kills) expect(kill).toMatch(/ [1-9][\d,]* rows into the run;/);
}, 120_000);

test('the engine ends when its parent is killed', async () => {
  const settings = { ...scene.settings, out: path.join(scene.folder, 'orphan'), rate: 1000 };
  const engine = await new Promise<ReturnType<typeof spawnEngine>>((resolve) => {
    const started = spawnEngine(settings, ({ event }) => event === 'checkpoint' && resolve(started));
  });
  // What the kernel does to the channel when the parent is gone.
  engine.process.disconnect();
  // Not `engine.exit`: on a channel closed from this side, Node never tells of its end.
  expect(await once(engine.process, 'exit')).toEqual([null, 'SIGKILL']);
}, 30_000);
