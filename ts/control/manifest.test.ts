import { describe, expect, it } from 'vitest';
import type { HeadraceError } from '../errors.ts';
import type { Node, Plan } from '../plan/generated.ts';
import { belongs, extend } from './lineage.ts';
import { type CheckpointManifest, fingerprint, parseLatest, requireSamePipeline } from './manifest.ts';

const source: Node = {
  uid: 'source',
  name: 'parquet(flights)',
  at: 'a.ts:1',
  inputs: [],
  op: { op: 'parquetSource', paths: ['flights.parquet'], schema: null, rate: null },
};
const watermark: Node = {
  uid: 'watermark',
  name: 'watermark(3h)',
  at: 'a.ts:2',
  inputs: [{ node: 0, port: 0 }],
  op: { op: 'watermark', column: 'date', lag: 10_800_000_000, idle: null, maxAhead: null },
};
const map: Node = {
  uid: 'map',
  name: 'map',
  at: 'a.ts:3',
  inputs: [{ node: 1, port: 0 }],
  op: { op: 'hostMap', host: 0, schema: [], mode: 'map', timeoutMs: 1000, inFlight: 1 },
};
const plan: Plan = { version: 1, nodes: [source, watermark, map] };

function manifest(of: Plan): CheckpointManifest {
  return { checkpoint: 12, fingerprint: fingerprint(of), plan: of } as CheckpointManifest;
}

function mismatch(before: Plan, now: Plan): HeadraceError | undefined {
  try {
    requireSamePipeline(manifest(before), now);
    return undefined;
  } catch (error) {
    return error as HeadraceError;
  }
}

describe('a checkpoint', () => {
  it('fits a pipeline whatever its names, lines, rates and limits of functions', () => {
    const other: Plan = {
      version: 1,
      nodes: [
        { ...source, name: 'renamed', at: null, op: { ...source.op, rate: 100 } as Node['op'] },
        { ...watermark, at: 'b.ts:9' },
        { ...map, op: { ...map.op, timeoutMs: 5, inFlight: 8, host: 3 } as Node['op'] },
      ],
    };
    expect(mismatch(plan, other)).toBeUndefined();
  });

  it('fits the same pipeline with its nodes in another order', () => {
    const first = { ...watermark, inputs: [{ node: 1, port: 0 }] };
    const last = { ...map, inputs: [{ node: 0, port: 0 }] };
    expect(mismatch(plan, { version: 1, nodes: [first, source, last] })).toBeUndefined();
  });

  it('does not fit another option, and says which, in the words of the user', () => {
    const options = { lag: 600_000_000, idle: 1_500_000 };
    const lag = { ...watermark, op: { ...watermark.op, ...options } as Node['op'] };
    const error = mismatch(plan, { version: 1, nodes: [source, lag, map] });
    expect(error?.code).toBe('HR_CHECKPOINT_MISMATCH');
    expect(error?.message).toContain(
      'Checkpoint 12 was taken by another pipeline: watermark(3h): lag was 3h, is now 10m; ' +
        'watermark(3h): idle was not set, is now 1s500ms.',
    );
    expect(error?.hint).toContain('fresh');
  });

  it('does not fit other operators or inputs, and names them', () => {
    const extra: Node = { ...map, uid: 'map-2', name: 'second map', inputs: [{ node: 2, port: 0 }] };
    expect(mismatch(plan, { version: 1, nodes: [...plan.nodes, extra] })?.message).toContain(
      'second map (map-2) is new',
    );
    expect(mismatch(plan, { version: 1, nodes: [source, watermark] })?.message).toContain(
      'map (map) is gone',
    );
    const rewired = { ...map, inputs: [{ node: 0, port: 0 }] };
    const error = mismatch(plan, { version: 1, nodes: [source, watermark, rewired] });
    expect(error?.message).toContain('map: inputs was ["watermark:0"], is now ["source:0"]');
  });

  it('names at most five differences', () => {
    const nodes = Array.from({ length: 9 }, (_, index): Node => ({ ...source, uid: `s${index}` }));
    const error = mismatch(plan, { version: 1, nodes: [...plan.nodes, ...nodes] });
    expect(error?.message.match(/is new/g)).toHaveLength(5);
    expect(error?.message).toContain('and 4 more');
  });

  it('of another version is refused', () => {
    const latest = JSON.stringify({
      sequence: 1,
      committed: true,
      manifest: { kind: 'checkpoint', version: 1 },
    });
    // Version 1 had no counts: going on from it, the account would not add up.
    expect(() => parseLatest(latest)).toThrow(/HR_CHECKPOINT_VERSION.*version 1.*version 2/);
  });
});

describe('a lineage', () => {
  it('holds the files of each run up to where the next one went on', () => {
    const first = extend([], 'aaaa', 3);
    const lineage = extend(extend(extend(first, 'aaaa', 4), 'bbbb', 5), 'bbbb', 6);
    expect(lineage).toEqual([
      { run: 'aaaa', through: 4 },
      { run: 'bbbb', through: 6 },
    ]);
    const names = ['part-aaaa-00000004-0001.parquet', 'part-bbbb-00000006-0000.parquet'];
    expect(names.map((name) => belongs(name, lineage))).toEqual([true, true]);
    const strangers = [
      'part-aaaa-00000005-0001.parquet',
      'part-cccc-00000001-0000.parquet',
      'part-aaaa-00000004-0001.parquet.pending',
      'flights.parquet',
    ];
    expect(strangers.map((name) => belongs(name, lineage))).toEqual([false, false, false, false]);
  });
});
