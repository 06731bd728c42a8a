/**
 * Attention over a key-value cache in blocks. The context of each row is gathered from its blocks, the new tokens are put in
 * at their places, and one softmax runs over the whole context in the order of positions: so a row has the same bits
 * however it is cut into chunks, padded or batched.
 *
 * Sizes in comments: B rows, S new tokens of each, C tokens of context (blocks × 16), K key-value heads, G heads for each of
 * those, D numbers a head.
 */
import type { Graph } from '../onnx/graph.ts';
import { BLOCK_TOKENS, type ModelShape } from './shape.ts';

/** Added to the scores of what a token must not see. Not −∞, whose difference to itself is no number. */
const UNSEEN = -1e30;

export class Attention {
  readonly #graph: Graph;
  readonly #shape: ModelShape;
  /** By layer, keys before values: where each head of each block begins in the cache, [1, B, K, blocks]. */
  readonly #places: readonly string[];
  readonly #start: string;
  readonly #positions: string;
  readonly #mask: string;
  readonly #cos: string;
  readonly #sin: string;
  readonly #sizes: Readonly<Record<'heads' | 'queries' | 'rows' | 'context' | 'out', string>>;

  constructor(graph: Graph, shape: ModelShape) {
    this.#graph = graph;
    this.#shape = shape;
    const { heads, kvHeads, headSize, layers } = shape;
    const group = heads / kvHeads;
    const tokens = graph.input('tokens', 'int64', ['B', 'S']);
    this.#start = graph.input('start', 'int64', ['B']);
    const blocks = graph.input('blocks', 'int64', ['B', 'blocks']);
    graph.input('kv', 'float', ['places', BLOCK_TOKENS, headSize]);

    const one = graph.integers(1);
    const length = (of: string, axis: number) => graph.node('Shape', [of], { start: axis, end: axis + 1 });
    const count = length(tokens, 1);
    const context = graph.node('Mul', [length(blocks, 1), graph.integers(BLOCK_TOKENS)]);
    const upTo = (size: string) =>
      graph.node('Range', [scalar(graph, 0), graph.node('Squeeze', [size]), scalar(graph, 1)]);
    const positions = graph.node('Add', [graph.node('Unsqueeze', [this.#start, one]), upTo(count)]);
    // Padding behind the end of a row may lie beyond the last position; nobody reads what becomes of it.
    this.#positions = graph.node('Min', [positions, graph.integers(shape.context - 1)]);
    // The heads that share keys become rows of one matrix, and each of them sees the same.
    const rows = graph.node('Concat', Array(group).fill(positions), { axis: 1 });
    const seen = graph.node('LessOrEqual', [
      upTo(context),
      graph.node('Unsqueeze', [rows, graph.integers(2)]),
    ]);
    const mask = graph.node('Where', [seen, number(graph, 0), number(graph, UNSEEN)]);
    this.#mask = graph.shaped(graph.node('Unsqueeze', [mask, one]), ['B', 1, 'GS', 'C']);

    const first = graph.node('Mul', [
      graph.node('Unsqueeze', [blocks, one]),
      graph.integers(layers * 2 * kvHeads),
    ]);
    const each = graph.constant(
      [1, kvHeads, 1],
      BigInt64Array.from({ length: kvHeads }, (_, head) => BigInt(head)),
    );
    const parts = graph.constant(
      [layers * 2, 1, 1, 1],
      BigInt64Array.from({ length: layers * 2 }, (_, part) => BigInt(part * kvHeads)),
    );
    const places = graph.node('Add', [graph.node('Add', [first, each]), parts]);
    this.#places = graph.nodes(
      'Split',
      [places],
      { axis: 0, num_outputs: 2 * layers },
      Array(2 * layers).fill(true),
    );
    [this.#cos, this.#sin] = rotations(graph, shape);

    this.#sizes = {
      heads: graph.integers(0, -1, kvHeads, headSize),
      queries: graph.integers(0, -1, kvHeads, group, headSize),
      rows: graph.integers(0, kvHeads, -1, headSize),
      context: graph.node('Concat', [length(tokens, 0), graph.integers(kvHeads, -1, headSize)], { axis: 0 }),
      out: graph.integers(0, -1, heads * headSize),
    };
  }

  /** Turns queries or keys by their positions: [B, S, heads · D]. The file has pairs of neighbours. */
  rotate(x: string, heads: number): string {
    return this.#graph.contrib('RotaryEmbedding', [x, this.#positions, this.#cos, this.#sin], {
      num_heads: heads,
      interleaved: 1,
    });
  }

  /** What the tokens see: [B, S, heads · D] of queries and [B, S, K · D] of new keys and values, keys already turned. */
  attend(layer: number, queries: string, keys: string, values: string): string {
    const graph = this.#graph;
    const sizes = this.#sizes;
    const { kvHeads, headSize } = this.#shape;
    const group = this.#shape.heads / kvHeads;
    // The heads that share keys become rows of one matrix: [B, K, G · S, D].
    const split = graph.node('Transpose', [graph.node('Reshape', [queries, sizes.queries])], {
      perm: [0, 2, 3, 1, 4],
    });
    const rows = graph.shaped(graph.node('Reshape', [split, sizes.rows]), ['B', kvHeads, 'GS', headSize]);
    const allKeys = this.#context(2 * layer, keys);
    const allValues = this.#context(2 * layer + 1, values);
    const scores = graph.contrib('FusedMatMul', [rows, allKeys], {
      transB: 1,
      alpha: { float: headSize ** -0.5 },
    });
    const masked = graph.node('Add', [scores, this.#mask]);
    const shares = graph.node('Softmax', [masked], { axis: -1 });
    const sums = graph.node('MatMul', [shares, allValues]);
    const apart = graph.node('Reshape', [sums, graph.integers(0, kvHeads, group, -1, headSize)]);
    return graph.node('Reshape', [graph.node('Transpose', [apart], { perm: [0, 3, 1, 2, 4] }), sizes.out]);
  }

  /** Keys or values of the whole context, new ones included: [B, K, C, D]. `part` counts keys and values over layers. */
  #context(part: number, fresh: string): string {
    const graph = this.#graph;
    const { kvHeads, headSize } = this.#shape;
    const all = ['B', kvHeads, 'C', headSize];
    const found = graph.node('Gather', ['kv', this.#places[part] as string], { axis: 0 });
    const stored = graph.shaped(graph.node('Reshape', [found, this.#sizes.context]), all);
    const heads = graph.node('Transpose', [graph.node('Reshape', [fresh, this.#sizes.heads])], {
      perm: [0, 2, 1, 3],
    });
    return graph.shaped(graph.node('TensorScatter', [stored, heads, this.#start], { axis: -2 }), all);
  }
}

/** The cosines and sines of all positions: [context, D / 2]. */
function rotations(graph: Graph, { context, headSize, ropeBase }: ModelShape): [cos: string, sin: string] {
  const half = headSize / 2;
  const cos = new Float32Array(context * half);
  const sin = new Float32Array(context * half);
  for (let position = 0; position < context; position++) {
    for (let pair = 0; pair < half; pair++) {
      const angle = position / ropeBase ** ((2 * pair) / headSize);
      cos[position * half + pair] = Math.cos(angle);
      sin[position * half + pair] = Math.sin(angle);
    }
  }
  return [graph.constant([context, half], cos), graph.constant([context, half], sin)];
}

const scalar = (graph: Graph, value: number): string => graph.constant([], BigInt64Array.of(BigInt(value)));
const number = (graph: Graph, value: number): string => graph.constant([], Float32Array.of(value));
