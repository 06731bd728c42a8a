/** Bugs that change bits only now and then: what a test of equal bits must find. */
import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { type MockInstance, vi } from 'vitest';
import { BlockManager } from '../../ts/llm/block-manager.ts';
import { FileSource } from '../../ts/llm/gguf/byte-source.ts';
import { readGguf } from '../../ts/llm/gguf/gguf.ts';
import { buildLlama } from '../../ts/llm/import/llama.ts';
import { BLOCK_TOKENS, readShape } from '../../ts/llm/import/shape.ts';
import type { Model } from '../../ts/llm/model.ts';
import { Graph } from '../../ts/llm/onnx/graph.ts';
import { CpuRunner } from '../../ts/llm/runner/cpu-runner.ts';
import type { KvPool, ModelRunner, Step, StepResult } from '../../ts/llm/runner/runner.ts';
import { Sampler } from '../../ts/llm/sampler.ts';

type Runner = Pick<ModelRunner, 'shape' | 'pool' | 'run'>;

/** A graph in which every token also sees the one behind it. */
class SeesTooMuch extends Graph {
  override node(...args: Parameters<Graph['node']>): string {
    const [operator, inputs, ...rest] = args;
    if (operator !== 'LessOrEqual') return super.node(...args);
    const [at = '', own = ''] = inputs;
    return super.node(operator, [at, super.node('Add', [own, this.integers(1)])], ...rest);
  }
}

/** The mask is off by one. */
export async function maskOffByOne(file: string, folder: string, threads: number): Promise<Runner> {
  using source = new FileSource(file);
  const gguf = readGguf(source);
  const shape = readShape(gguf);
  mkdirSync(folder, { recursive: true });
  const chunks: Uint8Array[] = [];
  const graph = new SeesTooMuch('llama', 'model.onnx.data', (bytes) => void chunks.push(bytes.slice()));
  buildLlama(graph, gguf, shape, 'int8');
  writeFileSync(path.join(folder, 'model.onnx.data'), Buffer.concat(chunks));
  writeFileSync(path.join(folder, 'model.onnx'), graph.finish());
  return CpuRunner.load(path.join(folder, 'model.onnx'), shape, { threads });
}

/** The last token of a block is not written: what the block held before is taken for it. */
export const staleBlock = (model: Model): Runner =>
  after(model, (step, pool, { newKv }) => {
    eachRow(step, ({ row, count, position }) => {
      const last = position(count - 1);
      if (last.slot !== BLOCK_TOKENS - 1) return;
      const parts = partsOf(model);
      for (let part = 0; part < parts; part++) {
        const from = place(model, last, part);
        const to = ((row * step.width + count - 1) * parts + part) * model.shape.headSize;
        newKv.set(pool.data.subarray(from, from + model.shape.headSize), to);
      }
    });
  });

/** Padding behind a row is written too, over what the row's last block begins with. */
export const paddingWritten = (model: Model): Runner =>
  after(model, (step, pool, { newKv }) => {
    eachRow(step, ({ row, count, position }) => {
      if (count === step.width) return;
      const { block } = position(count - 1);
      const parts = partsOf(model);
      const { headSize } = model.shape;
      for (let part = 0; part < parts; part++) {
        const from = ((row * step.width + count) * parts + part) * headSize;
        pool.data.set(newKv.subarray(from, from + headSize), place(model, { block, slot: 0 }, part));
      }
    });
  });

/** Blocks are found by names in which a token of the first block does not count, and nobody compares what they hold. */
export const unverifiedBlock = (): MockInstance => {
  const open = BlockManager.prototype.open;
  return vi.spyOn(BlockManager.prototype, 'open').mockImplementation(function (
    this: BlockManager,
    tokens,
    ...rest
  ) {
    return open.call(this, tokens.with(3, 0), ...rest);
  });
};

/** Draws are keyed by how many there have been in all, instead of by the place of the token in its answer. */
export const drawsKeyedByStep = (): MockInstance => {
  const sample = Sampler.prototype.sample;
  let position = 0;
  return vi.spyOn(Sampler.prototype, 'sample').mockImplementation(function (
    this: Sampler,
    logits,
    vocabulary,
    rows,
  ) {
    position++;
    const keyed = rows.map((row) => ({ ...row, settings: { ...row.settings, position } }));
    return sample.call(this, logits, vocabulary, keyed);
  });
};

interface Slot {
  readonly block: number;
  readonly slot: number;
}

function after(model: Model, spoil: (step: Step, pool: KvPool, result: StepResult) => void): Runner {
  return {
    shape: model.shape,
    pool: (blocks) => model.runner.pool(blocks),
    async run(step, pool) {
      const result = await model.runner.run(step, pool);
      spoil(step, pool, result);
      return result;
    },
  };
}

/** Every row of a step, with how many tokens are not padding, and where each of them lies. */
function eachRow(
  { rows, start, blocks, score }: Step,
  visit: (row: { row: number; count: number; position: (at: number) => Slot }) => void,
): void {
  const perRow = blocks.length / rows;
  for (let row = 0; row < rows; row++) {
    const count = Number(score[2 * row + 1]) + 1;
    const position = (at: number) => {
      const token = Number(start[row]) + at;
      const block = Number(blocks[row * perRow + Math.floor(token / BLOCK_TOKENS)]);
      return { block, slot: token % BLOCK_TOKENS };
    };
    visit({ row, count, position });
  }
}

const partsOf = ({ shape }: Model): number => shape.layers * 2 * shape.kvHeads;

const place = (model: Model, { block, slot }: Slot, part: number): number =>
  ((block * partsOf(model) + part) * BLOCK_TOKENS + slot) * model.shape.headSize;
