import type * as tf from '@tensorflow/tfjs';
import { type FastKernel, sizeOf, vectors } from './kernel.js';

// The places of the forms are their numbers in assembly/gelu.ts.
const FORMS = ['erf', 'tanh', 'quick', 'silu'];

export const formOf = (name: unknown): number => {
  const form = FORMS.indexOf(name as string);
  if (form < 0) throw new Error(`The activation '${name}' is not known; known are ${FORMS.join(', ')}.`);
  return form;
};

const gelu: FastKernel = ({ backend, wasm, inputs, attrs }) => {
  const x = inputs.x!;
  const y = backend.output(x.shape);
  const size = sizeOf(x);
  backend.run(wasm.gelu, vectors(size), size * 1.5, formOf(attrs.approximate), backend.pointer(x), backend.pointer(y));
  return y;
};

const geluGrad: FastKernel = ({ backend, wasm, inputs, attrs }) => {
  const x = inputs.x!;
  const dx = backend.output(x.shape);
  const size = sizeOf(x);
  const pointers = [backend.pointer(inputs.dy!), backend.pointer(x), backend.pointer(dx)];
  backend.run(wasm.geluGrad, vectors(size), size * 2.5, formOf(attrs.approximate), ...pointers);
  return dx;
};

const gated: FastKernel = ({ backend, wasm, inputs, attrs }) => {
  const { x, gate } = inputs as { x: tf.TensorInfo; gate: tf.TensorInfo };
  const y = backend.output(x.shape);
  const size = sizeOf(x);
  const pointers = [x, gate, y].map((t) => backend.pointer(t));
  backend.run(wasm.gated, vectors(size), size * 1.7, formOf(attrs.approximate), ...pointers);
  return y;
};

const gatedGrad: FastKernel = ({ backend, wasm, inputs, attrs }) => {
  const { dy, x, gate } = inputs as { dy: tf.TensorInfo; x: tf.TensorInfo; gate: tf.TensorInfo };
  const grads = [backend.output(x.shape), backend.output(x.shape)];
  const size = sizeOf(x);
  const pointers = [dy, x, gate, ...grads].map((t) => backend.pointer(t));
  backend.run(wasm.gatedGrad, vectors(size), size * 3.5, formOf(attrs.approximate), ...pointers);
  return grads;
};

export const geluKernels: Record<string, FastKernel> = {
  Gelu: gelu,
  GeluGrad: geluGrad,
  Gated: gated,
  GatedGrad: gatedGrad,
};
