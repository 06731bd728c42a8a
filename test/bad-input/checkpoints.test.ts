/** Checkpoint folders that are held, damaged, of another version, or shared with files of others. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { HOUR } from '../../examples/flights/dataset.ts';
import { spawnEngine } from '../../examples/flights/engine.ts';
import type { JobSettings } from '../../examples/flights/job.ts';
import { native } from '../../ts/binding.ts';
import type { CheckpointManifest, Latest } from '../../ts/control/manifest.ts';
import { run } from '../../ts/index.ts';
import { finished } from '../finished.ts';
import { writePrefix } from '../flights/prefix.ts';
import {
  begin,
  expectComplete,
  expectResumed,
  options,
  type Places,
  pipeline,
  placesIn,
} from './slow-job.ts';
import { failure, failureOf, parquetFiles, scene, until } from './support.ts';

const here = scene();
const places = (): Places => placesIn(here.path());

/** The newest manifest's file. */
async function newestManifest({ state }: Places): Promise<string> {
  const names = (await readdir(state)).filter((name) => /^manifest-\d+\.json$/.test(name)).sort();
  return path.join(state, names.at(-1) as string);
}

/** The newest checkpoint. */
async function latest({ state }: Places): Promise<Latest> {
  const store = await native.openStore(state);
  const found = JSON.parse((await store.latest()) as string) as Latest;
  store.close();
  return found;
}

/** Appends a manifest that is the newest checkpoint with something changed, with a checksum that is right. */
async function forge({ state }: Places, change: (manifest: CheckpointManifest) => unknown): Promise<void> {
  const store = await native.openStore(state);
  const { manifest } = JSON.parse((await store.latest()) as string) as Latest;
  await store.put(JSON.stringify(change(manifest)));
  store.close();
}

describe('a folder that another process holds', () => {
  it('is HR_LOCKED naming the process, and free when that is killed', async () => {
    const { state, out } = places();
    const script = fileURLToPath(new URL('holder.ts', import.meta.url));
    const holder = spawn(process.execPath, [script, state, out], { stdio: ['ignore', 'pipe', 'inherit'] });
    try {
      await once(holder.stdout, 'data');
      const error = await failureOf(pipeline(places()), options(places()));
      expect(error.code).toBe('HR_LOCKED');
      expect(error.message).toContain(`process ${holder.pid}`);
      expect(error.message).toContain(state);
    } finally {
      holder.kill('SIGKILL');
      await once(holder, 'exit');
    }
    await finished(
      pipeline(places()),
      options(places(), { checkpoint: { every: '20ms', to: state, fresh: true } }),
    );
    await expectComplete(places());
  });

  it('is HR_LOCKED for two flights jobs on one --out, and the first goes on', async () => {
    const settings: JobSettings = {
      source: await writePrefix(here.path(), 5000),
      out: here.path('flights'),
      windowing: { key: 'origin', size: HOUR, slide: HOUR, lag: HOUR, lateness: 0n },
      parallelism: 1,
      batchRows: 100,
      rate: 1000,
      checkpointMs: 50,
      fresh: false,
    };
    let checkpoints = 0;
    const first = spawnEngine(settings, ({ event }) => {
      if (event === 'checkpoint') checkpoints += 1;
    });
    try {
      await until(() => checkpoints > 0);
      const { messages } = await spawnEngine(settings).exit;
      const failed = messages.find((message) => message.event === 'failed');
      expect(failed).toMatchObject({ code: 'HR_LOCKED' });
      expect(failed).toHaveProperty('message', expect.stringContaining(`process ${first.process.pid}`));
      const before = checkpoints;
      await until(() => checkpoints > before);
    } finally {
      first.process.kill('SIGKILL');
      await first.exit;
    }
  });

  it('is HR_LOCKED also within one process, and harms neither job', async () => {
    const job = await begin(places());
    const error = await failureOf(pipeline(places()), options(places()));
    expect([error.code, error.message]).toEqual(['HR_LOCKED', expect.stringContaining(String(process.pid))]);
    expect((await job.done).outcome).toBe('finished');
    await expectComplete(places());
  });
});

describe('a checkpoint of another version', () => {
  it('of the manifest is HR_CHECKPOINT_VERSION', async () => {
    await (await begin(places())).stop();
    await forge(places(), (manifest) => ({ ...manifest, version: 99 }));
    const error = await failureOf(pipeline(places()), options(places()));
    expect(error.code).toBe('HR_CHECKPOINT_VERSION');
    expect(error.message).toContain('99');
    expect(error.hint).toContain('fresh');
  });

  it('of the file around the manifest is HR_CHECKPOINT_VERSION, and the old one still goes on', async () => {
    await (await begin(places())).stop();
    const file = await newestManifest(places());
    const before = await readFile(file, 'utf8');
    await writeFile(file, before.replace('"version":1', '"version":2'));
    const error = await failureOf(pipeline(places()), options(places()));
    expect(error.code).toBe('HR_CHECKPOINT_VERSION');
    expect(error.message).toContain('version 2');
    await writeFile(file, before);
    await expectResumed(places());
  });
});

describe('a checkpoint that is damaged', () => {
  const flip = (bytes: Buffer): Buffer => {
    const copy = Buffer.from(bytes);
    const middle = copy.length >> 1;
    copy[middle] = (copy[middle] as number) ^ 1;
    return copy;
  };
  const damages: readonly (readonly [what: string, damage: (bytes: Buffer) => Buffer])[] = [
    ['with one bit flipped', flip],
    ['cut short', (bytes) => bytes.subarray(0, bytes.length >> 1)],
    ['empty', () => Buffer.alloc(0)],
    ['of something else', () => Buffer.from('{"version":1}')],
    ['that is not text', () => Buffer.from([0xff, 0xfe, 0x00])],
  ];

  it.each(damages)('by a manifest %s is refused, and repaired it goes on', async (_, damage) => {
    await (await begin(places())).stop();
    const file = await newestManifest(places());
    const before = await readFile(file);
    await writeFile(file, damage(before));
    const error = await failureOf(pipeline(places()), options(places()));
    expect(error.code).toBe('HR_CHECKPOINT_DAMAGED');
    expect(error.message).toContain(path.basename(file));
    expect(error.hint).toContain('fresh');
    await writeFile(file, before);
    await expectResumed(places());
  });

  it.each(damages)('by a state file %s is refused, and repaired it goes on', async (_, damage) => {
    await (await begin(places())).stop();
    const { manifest } = await latest(places());
    for (const { file } of manifest.files) {
      const state = here.path('state', 'state', file);
      const before = await readFile(state);
      await writeFile(state, damage(before));
      const error = await failureOf(pipeline(places()), options(places()));
      expect(error.code).toBe('HR_CHECKPOINT_DAMAGED');
      expect(error.message).toContain(file);
      await writeFile(state, before);
    }
    expect(manifest.files.length).toBeGreaterThan(0);
    await expectResumed(places());
  });

  it('by a state file that is missing is refused, and put back it goes on', async () => {
    await (await begin(places())).stop();
    const [file] = (await latest(places())).manifest.files;
    const state = here.path('state', 'state', file?.file as string);
    await rename(state, here.path('hidden'));
    const error = await failureOf(pipeline(places()), options(places()));
    expect(error.code).toBe('HR_CHECKPOINT_DAMAGED');
    expect(error.message).toContain('missing');
    await rename(here.path('hidden'), state);
    await expectResumed(places());
  });

  it('and unwanted starts over with fresh', async () => {
    await (await begin(places())).stop();
    await writeFile(await newestManifest(places()), 'nonsense');
    const { state } = places();
    const job = await run(
      pipeline(places()),
      options(places(), { checkpoint: { every: '20ms', to: state, fresh: true } }),
    );
    expect(job.restored.from).toBe('nothing');
    await job.done;
    await expectComplete(places());
  });

  // What no crash writes, but another program might: each file is intact, and belongs elsewhere.
  it.each<[string, (manifest: CheckpointManifest) => unknown]>([
    [
      'state under another operator',
      (m) => ({
        ...m,
        files: m.files.map((f, i) => ({ ...f, uid: m.files[(i + 1) % m.files.length]?.uid })),
      }),
    ],
    ['state under another part', (m) => ({ ...m, files: m.files.map((f) => ({ ...f, part: 'nothing' })) })],
    ['no files', ({ files, ...m }) => m],
    ['files that are none', (m) => ({ ...m, files: 'all' })],
    ['positions that are none', (m) => ({ ...m, positions: 7 })],
    ['committables that are none', (m) => ({ ...m, committables: [{}] })],
    ['no lineage', ({ lineage, ...m }) => m],
    ['no plan', ({ plan, ...m }) => m],
    ['nothing at all', () => ({})],
    ['no object', () => null],
  ])('by a manifest with %s is a typed error', async (_, change) => {
    await (await begin(places())).stop();
    const { manifest } = await latest(places());
    expect(new Set(manifest.files.map(({ uid }) => uid)).size).toBeGreaterThan(1);
    await forge(places(), change);
    const error = await failureOf(pipeline(places()), options(places()));
    expect(error.code).toMatch(/^HR_CHECKPOINT_(DAMAGED|VERSION|MISMATCH)$/);
  });
});

describe('result files that are gone', () => {
  it('when they should be committed again are HR_COMMIT_FAILED', async () => {
    // Its only checkpoint is the one it stops with, which has all files.
    const checkpoint = { every: '1h', to: places().state };
    const job = await run(pipeline(places(), 1500), options(places(), { checkpoint }));
    await until(() => job.metrics().rowsOut > 0);
    await job.stop();
    const name = (await latest(places())).manifest.committables[0]?.final as string;
    const file = path.join(places().out, name);
    await rename(file, here.path('hidden'));
    const error = await failureOf(pipeline(places()), options(places()));
    expect(error.code).toBe('HR_COMMIT_FAILED');
    expect(error.message).toContain(name);
    await writeFile(file, 'other content');
    expect((await failureOf(pipeline(places()), options(places()))).code).toBe('HR_COMMIT_FAILED');
    await rename(here.path('hidden'), file);
    await expectResumed(places());
  });
});

describe('files of others', () => {
  it('in the folders of result and checkpoints are left alone', async () => {
    const { out, state } = places();
    const foreign = [
      path.join(out, 'notes.txt'),
      path.join(out, 'part-mine.csv'),
      path.join(out, 'part-1.parquet.pending'),
      path.join(out, 'nested', 'part-00c0ffee0000-00000001-0000.parquet'),
      path.join(state, 'README.md'),
      path.join(state, 'manifest-notes.json'),
      path.join(state, 'state', 'my-notes.txt'),
    ];
    for (const file of foreign) {
      await mkdir(path.dirname(file), { recursive: true });
      await writeFile(file, `mine: ${file}`);
    }
    const expectUntouched = async () => {
      for (const file of foreign) expect(await readFile(file, 'utf8')).toBe(`mine: ${file}`);
    };
    await (await begin(places())).stop();
    await expectUntouched();
    await (await begin(places())).cancel();
    await expectUntouched();
    await expectResumed(places());
    await expectUntouched();
    // Over a finished job: its files go, ours stay.
    const before = await parquetFiles(out);
    await finished(pipeline(places()), options(places()));
    expect((await parquetFiles(out)).filter((name) => before.includes(name))).toEqual([]);
    await expectUntouched();
    await finished(
      pipeline(places()),
      options(places(), { checkpoint: { every: '20ms', to: state, fresh: true } }),
    );
    await expectUntouched();
    await finished(pipeline(places()));
    await expectUntouched();
    await rm(path.join(out, 'nested'), { recursive: true });
    await expectComplete(places());
  });

  it('that stand where a folder should be are HR_IO', async () => {
    await writeFile(here.path('state'), 'a file');
    const error = await failureOf(pipeline(places()), options(places()));
    expect([error.code, error.message]).toEqual(['HR_IO', expect.stringContaining('state')]);
    await rm(here.path('state'));
    await writeFile(here.path('out'), 'a file');
    const other = await failureOf(pipeline(places()));
    expect([other.code, other.message]).toEqual(['HR_IO', expect.stringContaining('out')]);
    expect(await readFile(here.path('out'), 'utf8')).toBe('a file');
  });
});

it('the store gives typed errors when it is used by hand', async () => {
  const store = await native.openStore(places().state);
  expect(await store.latest()).toBeNull();
  expect((await failure(() => finished(pipeline(places()), options(places())))).code).toBe('HR_LOCKED');
  store.close();
});
