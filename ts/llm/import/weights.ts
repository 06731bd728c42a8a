/** Weights out of the file: each exactly once, of the size that the model's shape asks for. */
import { damaged, unsupported } from '../gguf/damaged.ts';
import { type Gguf, readTensor, type Tensor } from '../gguf/gguf.ts';

/** The element types that are computed with. */
export type WeightType = 'F32' | 'F16' | 'Q8_0' | 'Q4_0' | 'Q4_1';
const WEIGHT_TYPES: readonly string[] = ['F32', 'F16', 'Q8_0', 'Q4_0', 'Q4_1'] satisfies WeightType[];

/** A matrix in the file: y = W x with x of `columns` numbers and y of `rows`. */
export interface Weight {
  readonly name: string;
  readonly type: WeightType;
  readonly rows: number;
  readonly columns: number;
}

export class Weights {
  readonly #gguf: Gguf;
  readonly #unused: Set<string>;

  constructor(gguf: Gguf) {
    this.#gguf = gguf;
    this.#unused = new Set(gguf.tensors.keys());
  }

  has(name: string): boolean {
    return this.#gguf.tensors.has(name);
  }

  /** The matrix of this name and size; from then on it counts as used. */
  matrix(name: string, rows: number, columns: number): Weight {
    const tensor = this.#tensor(name, [columns, rows]);
    return { name, type: tensor.type.name as WeightType, rows, columns };
  }

  /** A vector of floats. */
  vector(name: string, length: number): Float32Array {
    const { type } = this.#tensor(name, [length]);
    if (type.name !== 'F32')
      throw unsupported(this.#gguf.source, `${name} is of type ${type.name}, and F32 is supported`);
    return floats(this.bytes(name));
  }

  /** The bytes of a tensor as they are in the file. */
  bytes(name: string): Uint8Array {
    return readTensor(this.#gguf, this.#gguf.tensors.get(name) as Tensor);
  }

  /** Refuses a file with tensors that nobody asked for: leaving one out would change what the model computes. */
  refuseUnused(): void {
    const [name] = this.#unused;
    if (name !== undefined) throw unsupported(this.#gguf.source, `the tensor ${name} is not supported`);
  }

  #tensor(name: string, dimensions: readonly number[]): Tensor {
    const { tensors, source } = this.#gguf;
    const tensor = tensors.get(name);
    if (tensor === undefined) throw damaged(source, `it has no tensor ${name}`);
    this.#unused.delete(name);
    if (tensor.dimensions.join('×') !== dimensions.join('×')) {
      throw damaged(
        source,
        `${name} is ${tensor.dimensions.join('×')}, and ${dimensions.join('×')} is needed`,
      );
    }
    if (!WEIGHT_TYPES.includes(tensor.type.name)) {
      throw unsupported(
        source,
        `${name} is of type ${tensor.type.name}`,
        `Types that work: ${WEIGHT_TYPES.join(', ')}.`,
      );
    }
    return tensor;
  }
}

/** Little-endian floats. */
export function floats(bytes: Uint8Array): Float32Array {
  return new Float32Array(bytes.buffer, bytes.byteOffset, bytes.byteLength / 4);
}
