/**
 * Builds an ONNX model: nodes, constants, inputs and outputs. Large constants go to a data file as they come, so that a model
 * is never in memory as a whole; small ones stay inside, where the runtime can fold them.
 *
 * Field numbers are those of onnx.proto.
 */
import { Message } from './message.ts';

/** Element types of tensors. */
export type ElementType = 'float' | 'uint8' | 'int64';
const ELEMENT_TYPES: Readonly<Record<ElementType, number>> = { float: 1, uint8: 2, int64: 7 };

/** Constants up to this many bytes stay in the graph. */
const INLINE_BYTES_MAX = 256;
/** External constants begin at multiples of this. */
const DATA_ALIGNMENT = 64;

const IR_VERSION = 11;
const OPSET = 24;
const ONNX = '';
/** The domain of ONNX Runtime's own operators. */
export const CONTRIB = 'com.microsoft';

/** An attribute: a whole number, a list of such, or a float. */
export type Attribute = number | readonly number[] | { readonly float: number };

/** Attributes by name. */
export type Attributes = Readonly<Record<string, Attribute>>;

/** A dimension: a size, or the name of one that is known at run time. */
export type Dimension = number | string;

/** Where external constants go: appends bytes. */
export type AppendData = (bytes: Uint8Array) => void;

export class Graph {
  readonly #graph = new Message();
  readonly #append: AppendData;
  readonly #dataName: string;
  #offset = 0;
  #nodes = 0;
  #names = 0;

  /** `dataName` is the data file's name beside the graph. */
  constructor(name: string, dataName: string, append: AppendData) {
    this.#graph.text(2, name);
    this.#dataName = dataName;
    this.#append = append;
  }

  /** A node of ONNX itself with one output, which is returned. An empty input is one that is left out. */
  node(op: string, inputs: readonly string[], attributes: Attributes = {}): string {
    return this.nodes(op, inputs, attributes, [true])[0] as string;
  }

  /** A node of ONNX Runtime's own operators. */
  contrib(op: string, inputs: readonly string[], attributes: Attributes = {}): string {
    return this.nodes(op, inputs, attributes, [true], CONTRIB)[0] as string;
  }

  /** A node with several outputs; those that are not `wanted` are left out, and empty in what is returned. */
  nodes(
    op: string,
    inputs: readonly string[],
    attributes: Attributes,
    wanted: readonly boolean[],
    domain: string = ONNX,
  ): string[] {
    const outputs = wanted.map((is) => (is ? `t${this.#names++}` : ''));
    this.#node(op, inputs, outputs, attributes, domain);
    return outputs;
  }

  /** A constant. */
  constant(dimensions: readonly number[], values: Float32Array | Uint8Array | BigInt64Array): string {
    const name = `c${this.#names++}`;
    const bytes = new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
    const tensor = new Message();
    for (const length of dimensions) tensor.integer(1, length);
    tensor.integer(2, ELEMENT_TYPES[elementType(values)]).text(8, name);
    if (bytes.length <= INLINE_BYTES_MAX) tensor.bytes(9, bytes);
    else this.#external(tensor, bytes);
    this.#graph.message(5, tensor);
    return name;
  }

  /** A constant list of whole numbers. */
  integers(...values: readonly number[]): string {
    return this.constant([values.length], BigInt64Array.from(values, BigInt));
  }

  input(name: string, type: ElementType, dimensions: readonly Dimension[]): string {
    this.#graph.message(11, valueInfo(name, type, dimensions));
    return name;
  }

  /**
   * Says what shape a value of floats has, and returns it. Names of dimensions that the runtime cannot find out by itself let it
   * see that two values are equally large, so that one may take the memory of the other.
   */
  shaped(value: string, dimensions: readonly Dimension[]): string {
    this.#graph.message(13, valueInfo(value, 'float', dimensions));
    return value;
  }

  /** Makes a value an output under this name. */
  output(name: string, from: string, type: ElementType, dimensions: readonly Dimension[]): void {
    this.#node('Identity', [from], [name], {}, ONNX);
    this.#graph.message(12, valueInfo(name, type, dimensions));
  }

  /** The bytes of the model. */
  finish(): Uint8Array {
    return new Message()
      .integer(1, IR_VERSION)
      .text(2, 'headrace')
      .message(7, this.#graph)
      .message(8, new Message().text(1, ONNX).integer(2, OPSET))
      .message(8, new Message().text(1, CONTRIB).integer(2, 1))
      .finish();
  }

  #node(
    op: string,
    inputs: readonly string[],
    outputs: readonly string[],
    attributes: Attributes,
    domain: string,
  ): void {
    const node = new Message();
    for (const input of inputs) node.text(1, input);
    for (const output of outputs) node.text(2, output);
    node.text(3, `n${this.#nodes++}_${op}`).text(4, op);
    for (const [name, value] of Object.entries(attributes)) node.message(5, attribute(name, value));
    if (domain !== ONNX) node.text(7, domain);
    this.#graph.message(1, node);
  }

  #external(tensor: Message, bytes: Uint8Array): void {
    const padding = (DATA_ALIGNMENT - (this.#offset % DATA_ALIGNMENT)) % DATA_ALIGNMENT;
    if (padding > 0) this.#append(new Uint8Array(padding));
    this.#append(bytes);
    const start = this.#offset + padding;
    this.#offset = start + bytes.length;
    const entries = { location: this.#dataName, offset: String(start), length: String(bytes.length) };
    for (const [key, value] of Object.entries(entries))
      tensor.message(13, new Message().text(1, key).text(2, value));
    tensor.integer(14, 1);
  }
}

function elementType(values: Float32Array | Uint8Array | BigInt64Array): ElementType {
  if (values instanceof Float32Array) return 'float';
  return values instanceof BigInt64Array ? 'int64' : 'uint8';
}

function attribute(name: string, value: Attribute): Message {
  const message = new Message().text(1, name);
  if (typeof value === 'number') return message.integer(3, value).integer(20, 2);
  if ('float' in value) return message.float(2, value.float).integer(20, 1);
  for (const number of value) message.integer(8, number);
  return message.integer(20, 7);
}

function valueInfo(name: string, type: ElementType, dimensions: readonly Dimension[]): Message {
  const shape = new Message();
  for (const dimension of dimensions) {
    const field =
      typeof dimension === 'string' ? new Message().text(2, dimension) : new Message().integer(1, dimension);
    shape.message(1, field);
  }
  const tensor = new Message().integer(1, ELEMENT_TYPES[type]).message(2, shape);
  return new Message().text(1, name).message(2, new Message().message(1, tensor));
}
