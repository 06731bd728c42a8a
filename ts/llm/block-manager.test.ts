/** The block manager as its callers meet it; the rules are tested beside them, in `crates/kv`. */
import { createHash } from 'node:crypto';
import { expect, test } from 'vitest';
import { BlockManager, type Reservation, saltOf } from './block-manager.ts';

const SALT = saltOf('model', 'tenant');

function reserve(manager: BlockManager, sequences: number[], counts: number[]): Reservation {
  const reserved = manager.reserve(Uint32Array.from(sequences), Uint32Array.from(counts));
  if (reserved.kind === 'short') throw new Error(`${reserved.missing} blocks are missing`);
  return reserved;
}

function computed(manager: BlockManager, tokens: Uint32Array): number {
  const sequence = manager.open(tokens, tokens.length + 8, SALT);
  const { run } = reserve(manager, [sequence], [tokens.length]);
  manager.commit(run, Uint32Array.of(tokens.length), Uint32Array.of(0), new Uint32Array());
  return sequence;
}

test('a run says where each row begins, what it reads and where it writes', () => {
  const manager = new BlockManager({ blocks: 20, blockTokens: 4 });
  const tokens = Uint32Array.from({ length: 10 }, (_, at) => at);
  const first = computed(manager, tokens);
  const fork = manager.fork(first, 10, Uint32Array.of(3));
  const second = manager.open(tokens, 20, SALT);
  expect(manager.probe(Uint32Array.of(second, fork))).toEqual({
    cached: Uint32Array.of(8, 10),
    idle: Uint32Array.of(0, 0),
    leaders: Uint32Array.of(0, 0),
  });
  const run = reserve(manager, [second, fork], [10, 3]);
  expect(run).toMatchObject({
    kind: 'run',
    run: 2,
    starts: Int32Array.of(8, 10),
    counts: Int32Array.of(2, 3),
    width: 4,
    tables: Int32Array.of(1, 2, 5, 0, 1, 2, 4, 6),
    slots: Int32Array.of(20, 21, 18, 19, 24),
    copies: Int32Array.of(3, 4),
  });
  manager.rollBack(run.run, false);
  expect(manager.counters()).toMatchObject({ blocks: 20, free: 16, cached: 0, used: 3, sequences: 3 });
  expect(manager.release(Uint32Array.of(first))).toBe(0);
  expect(manager.close(Uint32Array.of(first, second, fork))).toBe(3);
  expect(manager.resetPrefixCache()).toBe(2);
});

test('what is missing is said, and nothing changes', () => {
  const manager = new BlockManager({ blocks: 5, blockTokens: 4 });
  const sequences = [1, 2].map((token) => manager.open(new Uint32Array(12).fill(token), 16, SALT));
  const before = manager.counters();
  const reserved = manager.reserve(Uint32Array.from(sequences), Uint32Array.of(12, 9));
  expect(reserved).toEqual({ kind: 'short', missing: 2 });
  expect(manager.counters()).toEqual(before);
});

test('exported blocks have the names that SHA-256 gives them, and can be found where they are imported', () => {
  const [here, there] = [1, 2].map(() => new BlockManager({ blocks: 20, blockTokens: 4 })) as [
    BlockManager,
    BlockManager,
  ];
  const tokens = Uint32Array.from({ length: 10 }, (_, at) => 3_000_000_000 + at);
  const exported = here.exportBlocks(computed(here, tokens));
  let name: Uint8Array = SALT;
  const names = [tokens.subarray(0, 4), tokens.subarray(4, 8)].flatMap((block) => {
    const bytes = Buffer.alloc(16);
    block.forEach((token, at) => {
      bytes.writeUInt32LE(token, 4 * at);
    });
    name = createHash('sha256').update(name).update(bytes).digest();
    return [...name];
  });
  expect(exported).toEqual({
    blocks: Uint32Array.of(1, 2),
    tokens: tokens.slice(0, 8),
    names: Uint8Array.from(names),
  });

  const imported = there.importBlocks(exported, 8, SALT);
  const { run } = reserve(there, [imported], [8]);
  there.commit(run, Uint32Array.of(8), Uint32Array.of(0), new Uint32Array());
  there.close(Uint32Array.of(imported));
  expect(there.probe(Uint32Array.of(there.open(tokens, 20, SALT))).cached).toEqual(Uint32Array.of(8));
  const damaged = { ...exported, tokens: exported.tokens.map((token, at) => (at === 6 ? 0 : token)) };
  expect(() => there.importBlocks(damaged, 8, SALT)).toThrow(/^HR_DATA_CORRUPT: .* block 1 /);
});

test('wrong options and calls are typed errors', () => {
  for (const options of [
    { blocks: 1 },
    { blocks: 2.5 },
    { blocks: 9, blockTokens: -1 },
    { blocks: 2 ** 31 },
  ]) {
    expect(() => new BlockManager(options)).toThrow(expect.objectContaining({ code: 'HR_OPTION_INVALID' }));
  }
  const manager = new BlockManager({ blocks: 5, blockTokens: 4, sequences: 1 });
  expect(() => manager.open(Uint32Array.of(1), 17, SALT)).toThrow(/^HR_KV_CAPACITY: .* holds 16\. /);
  expect(() => manager.open(Uint32Array.of(1), 2, SALT.subarray(1))).toThrow(/^HR_INTERNAL: .* not 31\./);
  const sequence = manager.open(Uint32Array.of(1), 16, SALT);
  expect(() => manager.open(Uint32Array.of(1), 16, SALT)).toThrow(/^HR_KV_CAPACITY: /);
  const { run } = reserve(manager, [sequence], [1]);
  expect(() => manager.close(Uint32Array.of(sequence))).toThrow(/neither committed nor rolled back/);
  manager.rollBack(run, false);
  expect(() => manager.rollBack(run, false)).toThrow(/^HR_INTERNAL: run 1 is not open/);
});
