/** The graph of a llama model: embedding, layers of attention and feed-forward network, head. */
import type { Gguf } from '../gguf/gguf.ts';
import { CONTRIB, type Graph } from '../onnx/graph.ts';
import { Attention } from './attention.ts';
import { type Activations, Linears, type Stored } from './linear.ts';
import type { ModelShape } from './shape.ts';
import { Weights } from './weights.ts';

/**
 * Puts the model into the graph.
 *
 * Inputs, for B rows with S new tokens each (shorter rows are padded behind):
 * - `tokens` [B, S]; `start` [B], the position of each row's first new token;
 * - `blocks` [B, n], the blocks of each row's context in order, with room for `start + S` tokens: n · 16 ≥ start + S;
 * - `kv` [blocks · layers · 2 · kvHeads, 16, headSize], the cache, which is read only;
 * - `score` [R, 2], the (row, index of the new token) pairs whose next token is asked for.
 *
 * Outputs: `logits` [R, vocabulary]; `token` [R], the likeliest, of equals the lowest id; `sum` [R], the sum of the logits,
 * which is not finite if one of them is not; `new_kv` [B, S, layers · 2 · kvHeads · headSize], what belongs into the cache.
 */
export function buildLlama(graph: Graph, gguf: Gguf, shape: ModelShape, activations: Activations): void {
  const weights = new Weights(gguf);
  const linears = new Linears(graph, weights, activations);
  const attention = new Attention(graph, shape);
  const score = graph.input('score', 'int64', ['R', 2]);
  const { hidden, heads, kvHeads, headSize, inner, epsilon } = shape;
  const norm = (name: string) => graph.constant([hidden], weights.vector(`${name}.weight`, hidden));
  const embedding = linears.store([weights.matrix('token_embd.weight', shape.vocabulary, hidden)]);

  let stream = linears.lookUp('tokens', embedding);
  let normed = graph.node('SimplifiedLayerNormalization', [stream, norm('blk.0.attn_norm')], {
    ...{ axis: -1, stash_type: 1 },
    epsilon: { float: epsilon },
  });
  const addAndNorm = (more: string, gain: string) => {
    const inputs = [stream, more, gain];
    const outputs = [true, false, false, true];
    [normed = '', , , stream = ''] = graph.nodes(
      'SkipSimplifiedLayerNormalization',
      inputs,
      { epsilon: { float: epsilon } },
      outputs,
      CONTRIB,
    );
  };
  const fresh: string[] = [];
  for (let layer = 0; layer < shape.layers; layer++) {
    const matrix = (name: string, rows: number, columns: number) =>
      weights.matrix(`blk.${layer}.${name}.weight`, rows, columns);
    const [q = '', k = '', values = ''] = linears.products(normed, [
      matrix('attn_q', heads * headSize, hidden),
      matrix('attn_k', kvHeads * headSize, hidden),
      matrix('attn_v', kvHeads * headSize, hidden),
    ]);
    const keys = attention.rotate(k, kvHeads);
    fresh.push(keys, values);
    let seen = attention.attend(layer, attention.rotate(q, heads), keys, values);
    const last = layer + 1 === shape.layers;
    // Behind the last attention the tokens do not meet again, and only those that are asked for go on: [R, hidden] from here.
    if (last)
      [stream, seen] = [graph.node('GatherND', [stream, score]), graph.node('GatherND', [seen, score])];
    const [attended = ''] = linears.products(seen, [matrix('attn_output', hidden, heads * headSize)]);
    addAndNorm(attended, norm(`blk.${layer}.ffn_norm`));
    const [gate = '', up = ''] = linears.products(normed, [
      matrix('ffn_gate', inner, hidden),
      matrix('ffn_up', inner, hidden),
    ]);
    const gated = graph.node('Mul', [graph.node('Mul', [gate, graph.node('Sigmoid', [gate])]), up]);
    const [fed = ''] = linears.products(gated, [matrix('ffn_down', hidden, inner)]);
    addAndNorm(fed, norm(last ? 'output_norm' : `blk.${layer + 1}.attn_norm`));
  }
  const logits = linears.multiply(normed, head(weights, linears, shape, embedding));
  weights.refuseUnused();
  outputs(graph, shape, logits, graph.node('Concat', fresh, { axis: -1 }));
}

/** The head is a matrix of its own, or the embedding. */
function head(
  weights: Weights,
  linears: Linears,
  { vocabulary, hidden }: ModelShape,
  embedding: Stored,
): Stored {
  const name = 'output.weight';
  return weights.has(name) ? linears.store([weights.matrix(name, vocabulary, hidden)]) : embedding;
}

function outputs(graph: Graph, shape: ModelShape, logits: string, fresh: string): void {
  const { layers, kvHeads, headSize, vocabulary } = shape;
  graph.output('logits', logits, 'float', ['R', vocabulary]);
  graph.output('token', graph.node('ArgMax', [logits], { axis: -1, keepdims: 0 }), 'int64', ['R']);
  graph.output('sum', graph.node('ReduceSum', [logits, graph.integers(-1)], { keepdims: 0 }), 'float', ['R']);
  graph.output('new_kv', fresh, 'float', ['B', 'S', layers * 2 * kvHeads * headSize]);
}
