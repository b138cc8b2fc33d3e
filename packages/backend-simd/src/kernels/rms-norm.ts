import type * as tf from '@tensorflow/tfjs';
import { type FastKernel, sizeOf } from './kernel.js';
import { reduce, SUM } from './reduce.js';

/** Most shares that the weight's gradient is summed in: fixed, so that the number of threads changes nothing. */
const SHARES = 32;

const rmsNorm: FastKernel = ({ backend, wasm, inputs, attrs }) => {
  const x = inputs.x!;
  const y = backend.output(x.shape);
  const size = sizeOf(x);
  if (size === 0) return y;
  const D = x.shape.at(-1)!;
  const pointers = [x, inputs.weight!, y].map((t) => backend.pointer(t));
  backend.run(wasm.rmsNorm, size / D, size * 0.5, ...pointers, D, attrs.epsilon as number);
  return y;
};

const rmsNormGrad: FastKernel = ({ backend, wasm, inputs, attrs }) => {
  const { dy, x, weight } = inputs as { dy: tf.TensorInfo; x: tf.TensorInfo; weight: tf.TensorInfo };
  const D = x.shape.at(-1)!;
  const size = sizeOf(x);
  const rows = D === 0 ? 0 : size / D;
  const block = Math.max(1, Math.ceil(rows / SHARES));
  const shares = Math.ceil(rows / block);
  const dx = backend.output(x.shape);
  const partial = backend.output([shares, D]);
  const pointers = [dy, x, weight, dx, partial].map((t) => backend.pointer(t));
  backend.run(wasm.rmsNormGrad, shares, size, ...pointers, rows, block, D, attrs.epsilon as number);
  const dWeight = reduce({ backend, wasm }, partial, { A: 1, R: shares, C: D, op: SUM, scale: 1 });
  backend.disposeIntermediateTensorInfo(partial);
  return [dx, { ...dWeight, shape: [D] }];
};

export const rmsNormKernels: Record<string, FastKernel> = { RmsNorm: rmsNorm, RmsNormGrad: rmsNormGrad };
