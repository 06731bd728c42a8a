/** A GGUF file as an ONNX model: converted once, and then taken from the cache. */
import path from 'node:path';
import { FileSource } from '../gguf/byte-source.ts';
import { type Gguf, readGguf } from '../gguf/gguf.ts';
import { Graph } from '../onnx/graph.ts';
import { cached, modelCache, sealDigest, sha256 } from './cache.ts';
import type { Activations } from './linear.ts';
import { buildLlama } from './llama.ts';
import { cacheLimit } from './room.ts';
import { type ModelShape, readShape } from './shape.ts';
import type { Use } from './use.ts';

/** Counts up when the same file makes another graph. */
const IMPORTER_VERSION = 3;

const GRAPH = 'model.onnx';
const DATA = 'model.onnx.data';

/** How a model is converted. */
export interface ImportOptions {
  /** How quantised matrices take their input; `int8` unless told otherwise. */
  readonly activations?: Activations;
  /** The folder of converted models; `headrace/models` in the user's cache folder unless told otherwise. */
  readonly cache?: string;
  /**
   * Bytes of that folder's converted models; what was not used for longest goes first, and what is in use stays. The
   * environment's `HEADRACE_MODEL_CACHE_BYTES`, or 16 GiB, unless told otherwise.
   */
  readonly cacheBytes?: number;
}

/** A converted model. */
export interface ImportedModel {
  /** The path of the ONNX graph; its data lies beside it. */
  readonly graph: string;
  /** A digest of the graph and its data. */
  readonly graphDigest: string;
  readonly shape: ModelShape;
  /** The SHA-256 of the GGUF file. */
  readonly digest: string;
  /** The header of the file, which is closed; the tokenizer is made from its metadata. */
  readonly gguf: Gguf;
  /** Keeps it in the cache until `endUse`, or until the process ends. */
  readonly use: Use;
}

/**
 * Converts the file, or finds it converted. Errors: `HR_NOT_FOUND`, `HR_DATA_CORRUPT` for a file that is not sound,
 * `HR_MODEL_UNSUPPORTED` for one that needs what is not computed here, `HR_IO`.
 *
 * O(bytes of the file), which is read for its digest every time. While it is converted, two or three times the bytes of its
 * largest matrices are in memory.
 */
export function importModel(file: string, options: ImportOptions = {}): ImportedModel {
  const { activations = 'int8', cache = modelCache() } = options;
  using source = new FileSource(file);
  const gguf = readGguf(source);
  const shape = readShape(gguf);
  const digest = sha256(source);
  const limit = cacheLimit(options.cacheBytes);
  const name = `${digest}-${activations}-v${IMPORTER_VERSION}`;
  const { folder, use } = cached(cache, name, limit, (open) => {
    const data = open(DATA);
    const graph = new Graph('llama', DATA, data.append);
    buildLlama(graph, gguf, shape, activations);
    data.close();
    const written = open(GRAPH);
    written.append(graph.finish());
    written.close();
  });
  return { graph: path.join(folder, GRAPH), graphDigest: sealDigest(folder), shape, digest, gguf, use };
}
