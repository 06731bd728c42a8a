/**
 * Tries out what is relied on of onnxruntime-node: that it reads inputs where they are, or every step would copy the whole
 * key-value cache; and that outputs are the caller's, or a step would overwrite what the one before computed.
 */
import type * as Runtime from 'onnxruntime-node';
import { Graph } from '../onnx/graph.ts';

/** Numbers of the input: 16 MiB, whose copy takes a hundred times as long as a run. */
const LENGTH = 2 ** 22;
/** A run that copies its input takes at least as long as a copy; several threads might share the work. */
const SHARE_MAX = 1 / 8;
/** How often a copy is timed, and at most a run: the fastest counts, and one that is fast enough is enough. */
const [COPIES, RUNS_MAX] = [3, 50];

/** What is wrong with this runtime, as the end of a sentence about it; undefined if nothing. About 50 ms. */
export async function probe(runtime: typeof Runtime): Promise<string | undefined> {
  const session = await runtime.InferenceSession.create(graph(), {
    ...{ intraOpNumThreads: 1, executionProviders: ['cpu'], logSeverityLevel: 3 },
  });
  const values = new Float32Array(LENGTH).fill(1);
  const input = new runtime.Tensor('float32', values, [LENGTH]);
  const places = new runtime.Tensor('int64', BigInt64Array.of(0n, BigInt(LENGTH - 1)), [2]);
  const run = async () => (await session.run({ values: input, places })).found?.data as Float32Array;
  try {
    const first = await run();
    values[0] = 2;
    const second = await run();
    if (second[0] !== 2 || second[1] !== 1) return 'does not see what has changed in an input';
    if (first[0] !== 1 || first.buffer === second.buffer) return 'gives outputs that the next run overwrites';
    return (await copies(values, run)) ? 'copies its inputs, so that every step takes longer' : undefined;
  } finally {
    await session.release();
  }
}

/** Picks the values at two places. */
function graph(): Uint8Array {
  const graph = new Graph('probe', '', () => {});
  const values = graph.input('values', 'float', ['n']);
  const places = graph.input('places', 'int64', [2]);
  graph.output('found', graph.node('Gather', [values, places], { axis: 0 }), 'float', [2]);
  return graph.finish();
}

/** Whether no run is much faster than a copy of its input. */
async function copies(values: Float32Array, run: () => Promise<unknown>): Promise<boolean> {
  const target = new Float32Array(LENGTH);
  let copy = Number.POSITIVE_INFINITY;
  for (let times = 0; times < COPIES; times++) {
    const began = performance.now();
    target.set(values);
    copy = Math.min(copy, performance.now() - began);
  }
  for (let times = 0; times < RUNS_MAX; times++) {
    const began = performance.now();
    await run();
    if (performance.now() - began < copy * SHARE_MAX) return false;
  }
  return true;
}
