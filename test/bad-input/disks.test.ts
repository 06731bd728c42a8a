/** Disks that are full or read-only in the midst of a job. */
import { execFileSync } from 'node:child_process';
import { chmod, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { begin, expectResumed, options, type Places, pipeline } from './slow-job.ts';
import { failure, failureOf, parquetFiles, scene } from './support.ts';

const here = scene();
const isRoot = process.getuid?.() === 0;
const mounts: string[] = [];

function mount(...args: string[]): void {
  execFileSync('mount', args, { stdio: 'pipe' });
}

/** Shows `folder` also under `at`. */
function bind(folder: string, at: string): void {
  mount('--bind', folder, at);
  mounts.push(at);
}

/** Whether this process may mount file systems of its own. */
const canMount = ((): boolean => {
  try {
    execFileSync('unshare', ['-m', 'mount', '-t', 'tmpfs', 'tmpfs', '/mnt'], { stdio: 'pipe' });
    return true;
  } catch {
    return false;
  }
})();
if (!canMount) {
  console.warn(
    'SKIPPED: full and read-only disks are tested only where file systems can be mounted (as root).',
  );
}

// Before the folder itself goes, hence after the hooks of the scene were registered: hooks run last in, first out.
afterEach(() => {
  for (const folder of mounts.splice(0).reverse()) execFileSync('umount', ['-l', folder], { stdio: 'pipe' });
});

describe.skipIf(!canMount)('a disk that fills up', () => {
  const DISK_BYTES = 8 << 20;
  let disk: string;
  beforeEach(async () => {
    disk = here.path('disk');
    await mkdir(disk);
    mount('-t', 'tmpfs', '-o', `size=${DISK_BYTES}`, 'tmpfs', disk);
    mounts.push(disk);
  });

  /** Leaves no byte free; returns what gives the space back. */
  async function fill(): Promise<() => Promise<void>> {
    const ballast = `${disk}/ballast`;
    for (let bytes = DISK_BYTES; bytes >= 1; bytes = Math.floor(bytes / 2)) {
      await writeFile(ballast, Buffer.alloc(bytes), { flag: 'a' }).catch(() => {});
    }
    return () => rm(ballast);
  }

  it.each<[string, () => Places]>([
    ['under the checkpoints', () => ({ state: `${disk}/state`, out: here.path('out') })],
    ['under the result', () => ({ state: here.path('state'), out: `${disk}/out` })],
    ['under both', () => ({ state: `${disk}/state`, out: `${disk}/out` })],
  ])('%s fails the job, and with space again it goes on', async (_, at) => {
    const places = at();
    const job = await begin(places);
    const free = await fill();
    const error = await failure(() => job.done);
    expect(error.code).toMatch(/^HR_(CHECKPOINT_FAILED|IO)$/);
    expect(error.message).toMatch(/No space left/);
    // What was written and what to do, and where in the pipeline: except for a manifest, which is no operator's.
    if (error.place === undefined) expect(error.message).toContain(`${disk}/`);
    else {
      expect(error.place.operator).toMatch(/^(watermark|window|parquet)\(/);
      expect(error.place.at).toMatch(/slow-job\.ts:\d+/);
    }
    expect(error.hint).toMatch(/^Free some space there and run again\./);
    expect(job.metrics().threads).toBe(0);
    // Still full: it says so again, and nothing is lost.
    expect((await failureOf(pipeline(places), options(places))).code).toMatch(/^HR_(CHECKPOINT_FAILED|IO)$/);
    await free();
    await expectResumed(places);
  });
});

describe.skipIf(!canMount && isRoot)('a folder that becomes read-only', () => {
  /** Makes a folder read-only for whoever opens files in it from now on; returns what undoes it. */
  async function freeze(folder: string): Promise<() => Promise<void>> {
    if (!isRoot) {
      await chmod(folder, 0o555);
      return () => chmod(folder, 0o755);
    }
    // Made read-only before it is put in place: a mount through which a file is being written cannot be.
    const staging = await mkdtemp(here.path('read-only-'));
    bind(folder, staging);
    mount('-o', 'remount,bind,ro', staging);
    bind(staging, folder);
    return async () => {
      mounts.splice(mounts.indexOf(folder), 1);
      execFileSync('umount', [folder], { stdio: 'pipe' });
    };
  }

  it.each(['state', 'out'] as const)(
    'under the job (%s) fails it, and writable again it goes on',
    async (which) => {
      const places = { state: here.path('state'), out: here.path('out') };
      const job = await begin(places);
      const thaw = await freeze(places[which]);
      const error = await failure(() => job.done);
      expect(error.code).toMatch(/^HR_(CHECKPOINT_FAILED|IO|COMMIT_FAILED)$/);
      expect(error.message).toMatch(/Read-only|Permission denied/);
      expect(error.message).toContain(places[which]);
      expect(error.hint).toMatch(/read-only|permissions/);
      const again = await failureOf(pipeline(places), options(places));
      expect(again.code).toMatch(/^HR_(CHECKPOINT_FAILED|IO|COMMIT_FAILED)$/);
      await thaw();
      await expectResumed(places);
    },
  );

  it('before the start is a typed error, and nothing is written', async () => {
    const places = { state: here.path('state'), out: here.path('out') };
    await mkdir(places.state);
    await mkdir(places.out);
    const thawState = await freeze(places.state);
    const first = await failureOf(pipeline(places), options(places));
    expect([first.code, first.message]).toEqual(['HR_IO', expect.stringContaining(places.state)]);
    await thawState();
    await freeze(places.out);
    const second = await failureOf(pipeline(places));
    expect(second.code).toBe('HR_IO');
    expect(second.message).toContain(places.out);
    expect(await parquetFiles(places.out)).toEqual([]);
  });
});
