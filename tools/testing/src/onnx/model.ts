import { bytes, float, int, join, text } from './protobuf.js';

// Numbers of fields and types: onnx.proto3 of https://github.com/onnx/onnx

const [FLOAT, INT64] = [1, 7];
const [ATTRIBUTE_FLOAT, ATTRIBUTE_INT, ATTRIBUTE_INTS] = [1, 2, 7];
const [IR_VERSION, OPSET, MICROSOFT_OPSET] = [9, 20, 1];

/** A node of an ONNX graph. */
export interface Node {
  readonly op: string;
  readonly inputs: readonly string[];
  readonly output: string;
  /** Whole numbers become INT, lists of them INTS, others FLOAT. */
  readonly attributes?: Readonly<Record<string, number | readonly number[]>>;
  /** The domain of an op that is not ONNX's own. */
  readonly domain?: string;
}

/** The sizes of a tensor; a name stands for a size that is not fixed, such as `batch`. */
export type OnnxShape = readonly (number | string)[];

/** A graph of float32 tensors with one output. */
export interface Graph {
  readonly nodes: readonly Node[];
  /** Shapes by name. */
  readonly inputs: Readonly<Record<string, OnnxShape>>;
  readonly output: { readonly name: string; readonly shape: OnnxShape };
  /** Weights by name. */
  readonly constants?: Readonly<Record<string, OnnxConstant>>;
}

/** A constant tensor. */
export interface OnnxConstant {
  readonly shape: readonly number[];
  readonly values: Float32Array | BigInt64Array;
}

/** Makes the bytes of an ONNX file. */
export function onnxModel({ nodes, inputs, output, constants = {} }: Graph): Uint8Array {
  const graph = [
    ...nodes.map((node) => bytes(1, ...nodeFields(node))),
    text(2, 'graph'),
    ...Object.entries(constants).map(([name, { shape, values }]) =>
      bytes(
        5,
        ...shape.map((size) => int(1, size)),
        int(2, values instanceof BigInt64Array ? INT64 : FLOAT),
        text(8, name),
        bytes(9, new Uint8Array(values.buffer, values.byteOffset, values.byteLength)),
      ),
    ),
    ...Object.entries(inputs).map(([name, shape]) => bytes(11, ...valueInfo(name, shape))),
    bytes(12, ...valueInfo(output.name, output.shape)),
  ];
  const opset = (domain: string, version: number): Uint8Array => bytes(8, text(1, domain), int(2, version));
  return join([int(1, IR_VERSION), opset('', OPSET), opset('com.microsoft', MICROSOFT_OPSET), bytes(7, ...graph)]);
}

function nodeFields({ op, inputs, output, attributes = {}, domain = '' }: Node): Uint8Array[] {
  return [
    ...inputs.map((name) => text(1, name)),
    text(2, output),
    text(4, op),
    ...Object.entries(attributes).map(([name, value]) => bytes(5, text(1, name), ...attributeFields(value))),
    text(7, domain),
  ];
}

function attributeFields(value: number | readonly number[]): Uint8Array[] {
  if (typeof value !== 'number') return [...value.map((one) => int(8, one)), int(20, ATTRIBUTE_INTS)];
  return Number.isInteger(value)
    ? [int(3, value), int(20, ATTRIBUTE_INT)]
    : [float(2, value), int(20, ATTRIBUTE_FLOAT)];
}

function valueInfo(name: string, shape: OnnxShape): Uint8Array[] {
  const dims = shape.map((size) => bytes(1, typeof size === 'string' ? text(2, size) : int(1, size)));
  return [text(1, name), bytes(2, bytes(1, int(1, FLOAT), bytes(2, ...dims)))];
}
