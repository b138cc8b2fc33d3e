import * as tf from '@tensorflow/tfjs';
import type { WebGPUBackend, WebGPUProgram } from '@tensorflow/tfjs-backend-webgpu';

/** The arguments of a kernel. */
export interface Call {
  readonly backend: WebGPUBackend;
  /** Input tensors by name. */
  readonly inputs: Readonly<Record<string, tf.TensorInfo>>;
  /** Attributes by name. */
  readonly attrs: Readonly<Record<string, unknown>>;
}

/** A kernel for the webgpu backend. */
export type Kernel = (call: Call) => tf.TensorInfo | tf.TensorInfo[];

/** A shader: what it is compiled for is in its name and its code, and all sizes are uniforms. */
export interface Shader {
  /** Different for different code. */
  readonly name: string;
  /** Names of its inputs, in their order. */
  readonly inputs: readonly string[];
  /** Names of its uniforms of whole numbers, in their order; `groups`, the number of workgroups, comes first, of itself. */
  readonly integers: readonly string[];
  /** Names of its uniforms of floating-point numbers. */
  readonly floats?: readonly string[];
  /** Threads of a workgroup. */
  readonly threads: number;
  /** WGSL with `fn main(index : i32)`, where the index counts the threads of all workgroups. */
  readonly code: string;
}

/** What a shader runs on. */
export interface Work {
  readonly inputs: readonly tf.TensorInfo[];
  /** Of the output. */
  readonly shape: readonly number[];
  /** Number of workgroups. */
  readonly groups: number;
  /** Values of the uniforms by name. */
  readonly numbers: Readonly<Record<string, number>>;
  /** The output, written in place. Default: a new tensor. */
  readonly into?: tf.TensorInfo;
}

/**
 * Runs a shader, whose output is float32. TensorFlow.js compiles again where shapes are newly equal, or broadcast: so inputs go
 * in as vectors, and the output is a row.
 */
export function runShader(backend: WebGPUBackend, shader: Shader, work: Work): tf.TensorInfo {
  const { name, inputs, integers, floats = [], threads, code } = shader;
  const { shape, groups, numbers, into } = work;
  const whole = ['groups', ...integers];
  const program: WebGPUProgram = {
    variableNames: [...inputs],
    outputShape: [1, tf.util.sizeFromShape([...shape])],
    dispatchLayout: { x: [0] },
    dispatch: [groups, 1, 1],
    workgroupSize: [threads, 1, 1],
    uniforms: [...whole.map((n) => `${n} : i32`), ...floats.map((n) => `${n} : f32`), ''].join(', '),
    shaderKey: `blip2 ${name}`,
    getUserCode: () => code,
  };
  const values = { groups, ...numbers } as Readonly<Record<string, number>>;
  const uniforms = [
    ...whole.map((n) => ({ type: 'int32', data: [values[n] as number] })),
    ...floats.map((n) => ({ type: 'float32', data: [values[n] as number] })),
  ];
  const place = into && { ...into, shape: program.outputShape };
  const out = backend.runWebGPUProgram(program, work.inputs.map(flat), 'float32', uniforms, place);
  if (into) forgetValues(backend, into);
  return { ...out, shape: [...shape] };
}

/** What was read of a tensor before it was written in place is no longer what it has. */
function forgetValues(backend: WebGPUBackend, { dataId }: tf.TensorInfo): void {
  const data: { values: unknown } = backend.tensorMap.get(dataId);
  data.values = null;
}

/** Reshapes a tensor to a vector, without copying. */
const flat = (x: tf.TensorInfo): tf.TensorInfo => ({ ...x, shape: [tf.util.sizeFromShape(x.shape)] });

/** Code of the threads of an elementwise shader: `value` gives the element i of the output. */
export const elementwise = (value: string): string => `
fn main(i : i32) {
  if (i < uniforms.size) { result[i] = ${value}; }
}`;

/** Threads of a workgroup of an elementwise shader. */
const ELEMENTWISE = 64;

/** Runs a shader of `elementwise` code on inputs of one shape; `integers` are uniforms beside `size`. */
export function runElementwise(
  backend: WebGPUBackend,
  shader: Omit<Shader, 'integers' | 'threads'> & { readonly integers?: readonly string[] },
  { inputs, numbers = {}, into }: Pick<Work, 'inputs' | 'into'> & Partial<Pick<Work, 'numbers'>>,
): tf.TensorInfo {
  const { shape } = inputs[0] as tf.TensorInfo;
  const size = tf.util.sizeFromShape(shape);
  return runShader(
    backend,
    { ...shader, integers: ['size', ...(shader.integers ?? [])], threads: ELEMENTWISE },
    { inputs, shape, groups: Math.ceil(size / ELEMENTWISE), numbers: { size, ...numbers }, ...(into && { into }) },
  );
}
