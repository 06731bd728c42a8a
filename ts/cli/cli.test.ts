/** The command line as a user meets it: in a process of its own. */
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

const main = fileURLToPath(new URL('./main.ts', import.meta.url));
const index = pathToFileURL(fileURLToPath(new URL('../index.ts', import.meta.url))).href;

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'headrace-cli-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

interface Finished {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

function headrace(...args: string[]): Promise<Finished> {
  return new Promise((resolve) => {
    const child = execFile(process.execPath, [main, ...args], { cwd: folder }, (_, out, err) => {
      resolve({ code: child.exitCode, out, err });
    });
  });
}

async function pipeline(body: string): Promise<string> {
  const file = path.join(folder, 'pipeline.ts');
  await writeFile(file, `import { count, generate, run, sink, source, t } from '${index}';\n${body}\n`);
  return file;
}

const rows = 'source.rows([{ id: 1n }, { id: 2n }], { schema: { id: t.i64() } })';

describe('headrace run', () => {
  it('runs the pipeline that the file exports and sums up', async () => {
    const { code, out } = await headrace(
      'run',
      await pipeline(`export default ${rows}.to(sink.parquet('out'));`),
    );
    expect(out).toMatch(/^Finished after .*\nrows in {3}2\nrows out {2}2\n/);
    expect(code).toBe(0);
    expect(await readdir(path.join(folder, 'out'))).toHaveLength(1);
  });

  it('prints one line of JSON on demand', async () => {
    const file = await pipeline(
      `export default { sinks: [${rows}.to(sink.blackhole())], options: { parallelism: 2 } };`,
    );
    const { out, err } = await headrace('run', '--json', file);
    const result = JSON.parse(out) as { outcome: string; metrics: { rowsIn: number } };
    expect([result.outcome, result.metrics.rowsIn, err]).toEqual(['finished', 2, '']);
  });

  it('warns once of a row that makes the others late, and says how large the disorder is', async () => {
    const file = await pipeline(`
      const times = Array.from({ length: 3000 }, (_, row) => (row === 100 ? 10n ** 15n : BigInt(row) * 1_000_000n));
      export default source.rows(times.map((at) => ({ at })), { schema: { at: t.timestamp() }, rate: 6000 })
        .watermark('at', { lag: '1m' }).to(sink.blackhole());`);
    const { out, err } = await headrace('run', file);
    expect(
      err.match(/^Warning HR_ROW_FAR_AHEAD: \d+ of the \d+ rows after row \d+:100 are late/gm),
    ).toHaveLength(1);
    expect(out).toContain('disorder  p50 11574d2h, p99 11574d2h, max 11574d2h; lag 1m\n');
    const json = JSON.parse((await headrace('run', '--json', file)).out) as {
      metrics: { warnings: unknown[] };
    };
    expect(json.metrics.warnings).toHaveLength(1);
  });

  it('prints a table for the console sink', async () => {
    const { out } = await headrace('run', await pipeline(`export default ${rows}.to(sink.console());`));
    expect(out).toContain('id\n──\n 1\n 2\n');
  });

  it('shows errors with code, place, cause and hint, and exits with 1', async () => {
    const broken = `${rows}.map(() => { throw new Error('no luck'); }, { schema: { id: t.i64() } })`;
    const { code, err } = await headrace(
      'run',
      await pipeline(`export default ${broken}.to(sink.blackhole());`),
    );
    expect(err).toMatch(/HR_USER_FUNCTION_FAILED: .*no luck\n {2}where {2}in map, at .*pipeline\.ts:2/);
    expect(err).toMatch(/cause {2}Error: no luck\n/);
    expect(code).toBe(1);
    const missing = await headrace('run', 'nothing.ts', '--json');
    expect(JSON.parse(missing.out)).toMatchObject({ error: { code: 'HR_NOT_FOUND' } });
    const empty = await headrace('run', await pipeline('export default 5;'));
    expect(empty.err).toMatch(/HR_OPTION_INVALID: The default export .*\n {2}hint /);
  });

  it('stops with a checkpoint on SIGINT, and goes on from it', async () => {
    const file = await pipeline(`export default {
      sinks: [source.generator({ columns: { id: generate.sequence() }, rows: 2000, rate: Number(process.env.RATE ?? 1e9) })
        .to(sink.parquet('out'))],
      options: { checkpoint: { every: '50ms', to: 'file://./state' } },
    };`);
    const child = spawn(process.execPath, [main, 'run', '--json', file], {
      cwd: folder,
      env: { ...process.env, RATE: '100' },
    });
    // Other files are there before the job runs, and before it listens for signals.
    const state = () => readdir(path.join(folder, 'state')).catch(() => []);
    await expect.poll(async () => (await state()).some((name) => name.startsWith('committed-'))).toBe(true);
    child.kill('SIGINT');
    const { code, out } = await outputOf(child);
    const stopped = JSON.parse(out) as { outcome: string };
    expect([stopped.outcome, code]).toEqual(['stopped', 0]);
    const { out: second, err } = await headrace('run', file);
    expect(err).toContain('Going on from checkpoint');
    expect(second).toContain('rows in   2,000, with those of earlier runs');
  });

  it('cancels at the second SIGINT, but not when npm hands on the first once more', async () => {
    const stuck = `${rows}.map(() => (console.log('called'), new Promise(() => {})), { schema: { id: t.i64() } })`;
    const file = await pipeline(`export default ${stuck}.to(sink.blackhole());`);
    const child = spawn(process.execPath, [main, 'run', file], { cwd: folder });
    await once(child.stdout, 'data');
    child.kill('SIGINT');
    await new Promise((resolve) => setTimeout(resolve, 20));
    child.kill('SIGINT');
    await new Promise((resolve) => setTimeout(resolve, 1000));
    expect(child.exitCode).toBeNull();
    child.kill('SIGINT');
    const { code, err } = await outputOf(child);
    expect(err).toContain('HR_CANCELLED');
    expect(code).toBe(1);
  });
});

describe('headrace explain', () => {
  it('prints the plan without running it, as text and as JSON', async () => {
    const file = await pipeline(`export default ${rows}.to(sink.parquet('out'));`);
    const { out, code } = await headrace('explain', file);
    expect([out, code]).toEqual([expect.stringContaining('parquet(out)'), 0]);
    expect(JSON.parse((await headrace('explain', '--json', file)).out)).toHaveProperty('operators');
    expect(await readdir(folder)).toEqual(['pipeline.ts']);
  });
});

describe('a process', () => {
  it('lives as long as its job, and no longer', async () => {
    const file = await pipeline(`
      const job = await run(source.generator({ columns: { id: generate.sequence() }, rows: 300, rate: 1000 }).to(sink.blackhole()));
      job.done.then(({ metrics }) => console.log(metrics.rowsIn));`);
    const child = spawn(process.execPath, [file], { cwd: folder });
    expect(await outputOf(child)).toEqual({ code: 0, out: '300\n', err: '' });
  });

  it('says its version', async () => {
    expect((await headrace('--version')).out).toMatch(/^\d+\.\d+\.\d+\n$/);
  });
});

function outputOf(child: ChildProcess): Promise<Finished> {
  let [out, err] = ['', ''];
  child.stdout?.on('data', (data) => {
    out += data;
  });
  child.stderr?.on('data', (data) => {
    err += data;
  });
  return new Promise((resolve) => child.once('close', (code) => resolve({ code, out, err })));
}
