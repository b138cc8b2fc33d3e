import { bytes, float, int, join, text } from './protobuf.js';

// Numbers of fields and types: onnx.proto3 of https://github.com/onnx/onnx

const FLOAT = 1;
const [ATTRIBUTE_FLOAT, ATTRIBUTE_INT] = [1, 2];
const [IR_VERSION, OPSET, MICROSOFT_OPSET] = [9, 20, 1];

export interface Node {
  readonly op: string;
  readonly inputs: readonly string[];
  readonly output: string;
  /** Whole numbers become INT, others FLOAT. */
  readonly attributes?: Readonly<Record<string, number>>;
  /** Of an op that is not ONNX's own. */
  readonly domain?: string;
}

/** A graph of float32 tensors with one output. */
export interface Graph {
  readonly nodes: readonly Node[];
  /** Shapes by name. */
  readonly inputs: Readonly<Record<string, readonly number[]>>;
  readonly output: { readonly name: string; readonly shape: readonly number[] };
  /** Weights by name. */
  readonly constants?: Readonly<Record<string, { readonly shape: readonly number[]; readonly values: Float32Array }>>;
}

/** The bytes of an ONNX file. */
export function onnxModel({ nodes, inputs, output, constants = {} }: Graph): Uint8Array {
  const graph = [
    ...nodes.map((node) => bytes(1, ...nodeFields(node))),
    text(2, 'graph'),
    ...Object.entries(constants).map(([name, { shape, values }]) =>
      bytes(
        5,
        ...shape.map((size) => int(1, size)),
        int(2, FLOAT),
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
    ...Object.entries(attributes).map(([name, value]) =>
      Number.isInteger(value)
        ? bytes(5, text(1, name), int(3, value), int(20, ATTRIBUTE_INT))
        : bytes(5, text(1, name), float(2, value), int(20, ATTRIBUTE_FLOAT)),
    ),
    text(7, domain),
  ];
}

function valueInfo(name: string, shape: readonly number[]): Uint8Array[] {
  const dims = shape.map((size) => bytes(1, int(1, size)));
  return [text(1, name), bytes(2, bytes(1, int(1, FLOAT), bytes(2, ...dims)))];
}
