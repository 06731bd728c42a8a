/**
 * Matrices of a model as constants of its graph, and the nodes that multiply with them. Codes and scales stay those of the
 * file. The minima of Q4_1 are a product of their own: y = Q(codes, scales) x + minima · (sums of x over blocks of 32).
 */
import type { Graph } from '../onnx/graph.ts';
import { BLOCK, type Blocks, takeApart, widen } from './blocks.ts';
import { floats, type Weight, type Weights, type WeightType } from './weights.ts';

/**
 * How quantised matrices take their input. `int8` rounds it to 8 bits for each block of 32, which is fast, and gives a row
 * the same bits in every batch; `float` does not round it.
 */
export type Activations = 'int8' | 'float';

/** A matrix that lies in the graph: the names of its constants. */
export type Stored = {
  readonly rows: number;
  readonly columns: number;
} & (
  | { readonly floats: string }
  | {
      readonly bits: 4 | 8;
      readonly codes: string;
      readonly scales: string;
      readonly minima: string | undefined;
    }
);

export class Linears {
  readonly #graph: Graph;
  readonly #weights: Weights;
  readonly #accuracy: number;
  readonly #indicators = new Map<number, string>();
  readonly #sums = new Map<string, string>();

  constructor(graph: Graph, weights: Weights, activations: Activations) {
    this.#graph = graph;
    this.#weights = weights;
    this.#accuracy = activations === 'int8' ? 4 : 0;
  }

  /** Puts matrices of one type and one number of columns into the graph as a single matrix, one below the other. */
  store(parts: readonly Weight[]): Stored {
    const { type, columns } = parts[0] as Weight;
    const rows = parts.reduce((sum, part) => sum + part.rows, 0);
    const bytes = parts.map(({ name }) => this.#weights.bytes(name));
    const graph = this.#graph;
    if (!isQuantised(type)) {
      const numbers = bytes.map((part) => (type === 'F16' ? widen(part) : floats(part)));
      return { rows, columns, floats: graph.constant([rows, columns], joined(Float32Array, numbers)) };
    }
    const blocks = bytes.map((part) => takeApart(type, part));
    const { bits, minima } = blocks[0] as Blocks;
    const perRow = columns / BLOCK;
    const floatsOf = (values: (block: Blocks) => Float32Array) =>
      graph.constant([rows, perRow], joined(Float32Array, blocks.map(values)));
    return {
      rows,
      columns,
      bits,
      codes: graph.constant(
        [rows, perRow, (BLOCK * bits) / 8],
        joined(
          Uint8Array,
          blocks.map(({ codes }) => codes),
        ),
      ),
      scales: floatsOf(({ scales }) => scales),
      minima: minima && floatsOf((block) => block.minima as Float32Array),
    };
  }

  /** The products of `x` with each of the matrices; those of one type are multiplied at once. */
  products(x: string, parts: readonly Weight[]): string[] {
    const first = parts[0] as Weight;
    if (parts.length === 1 || parts.some(({ type }) => type !== first.type)) {
      return parts.map((part) => this.multiply(x, this.store([part])));
    }
    const sizes = this.#graph.integers(...parts.map(({ rows }) => rows));
    const product = this.multiply(x, this.store(parts));
    return this.#graph.nodes(
      'Split',
      [product, sizes],
      { axis: -1 },
      parts.map(() => true),
    );
  }

  /** The product of `x` (its last dimension has `columns` numbers) with a matrix. */
  multiply(x: string, matrix: Stored): string {
    const graph = this.#graph;
    // The file has a matrix row after row, which is transposed for a product from the left.
    if ('floats' in matrix) return graph.contrib('FusedMatMul', [x, matrix.floats], { transB: 1 });
    const { rows, columns, bits, codes, scales, minima } = matrix;
    const product = graph.contrib('MatMulNBits', [x, codes, scales], {
      ...{ K: columns, N: rows, bits },
      ...{ block_size: BLOCK, accuracy_level: this.#accuracy },
    });
    if (minima === undefined) return product;
    const correction = graph.contrib('FusedMatMul', [this.#blockSums(x, columns), minima], { transB: 1 });
    return graph.node('Add', [product, correction]);
  }

  /** The rows of a matrix at `ids`, whose shape is [batch, positions]. */
  lookUp(ids: string, matrix: Stored): string {
    const graph = this.#graph;
    if ('floats' in matrix) return graph.node('Gather', [matrix.floats, ids], { axis: 0 });
    const { rows, columns, bits, codes, scales, minima } = matrix;
    const flat = graph.node('Reshape', [codes, graph.integers(rows, (columns * bits) / 8)]);
    const found = graph.contrib('GatherBlockQuantized', [flat, ids, scales], {
      ...{ bits, block_size: BLOCK },
      ...{ gather_axis: 0, quantize_axis: 1 },
    });
    if (minima === undefined) return found;
    const each = graph.node('Unsqueeze', [
      graph.node('Gather', [minima, ids], { axis: 0 }),
      graph.integers(-1),
    ]);
    const inBlocks = graph.node('Reshape', [found, graph.integers(0, 0, -1, BLOCK)]);
    return graph.node('Reshape', [graph.node('Add', [inBlocks, each]), graph.integers(0, 0, columns)]);
  }

  /** The sums of `x` over its blocks: a product with a matrix of ones and zeros, made once for each `x`. */
  #blockSums(x: string, columns: number): string {
    let sums = this.#sums.get(x);
    if (sums === undefined) {
      sums = this.#graph.node('MatMul', [x, this.#indicator(columns)]);
      this.#sums.set(x, sums);
    }
    return sums;
  }

  #indicator(columns: number): string {
    let name = this.#indicators.get(columns);
    if (name === undefined) {
      const perRow = columns / BLOCK;
      const ones = new Float32Array(columns * perRow);
      for (let column = 0; column < columns; column++) ones[column * perRow + Math.floor(column / BLOCK)] = 1;
      name = this.#graph.constant([columns, perRow], ones);
      this.#indicators.set(columns, name);
    }
    return name;
  }
}

function isQuantised(type: WeightType): type is 'Q8_0' | 'Q4_0' | 'Q4_1' {
  return type.startsWith('Q');
}

/** Typed arrays one after the other; a single one is not copied. */
function joined<A extends Float32Array | Uint8Array>(
  kind: new (length: number) => A,
  parts: readonly A[],
): A {
  if (parts.length === 1) return parts[0] as A;
  const all = new kind(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}
