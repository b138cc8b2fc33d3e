import type * as tf from '@tensorflow/tfjs';
import { type FastKernel, sizeOf } from './kernel.js';
import { reduce, SUM } from './reduce.js';

/** Most shares that the parameters' gradients are summed in: fixed, so that the number of threads changes nothing. */
const SHARES = 32;

/** Rows of width D, and the blocks of them whose shares are summed afterwards. */
function shared(x: tf.TensorInfo): { size: number; D: number; rows: number; block: number; shares: number } {
  const D = x.shape.at(-1)!;
  const size = sizeOf(x);
  const rows = D === 0 ? 0 : size / D;
  const block = Math.max(1, Math.ceil(rows / SHARES));
  return { size, D, rows, block, shares: Math.ceil(rows / block) };
}

const layerNorm: FastKernel = ({ backend, wasm, inputs, attrs }) => {
  const x = inputs.x!;
  const y = backend.output(x.shape);
  const size = sizeOf(x);
  if (size === 0) return y;
  const D = x.shape.at(-1)!;
  const pointers = [x, inputs.weight!, inputs.bias!, y].map((t) => backend.pointer(t));
  backend.run(wasm.layerNorm, size / D, size * 0.8, ...pointers, D, attrs.epsilon as number);
  return y;
};

const layerNormGrad: FastKernel = ({ backend, wasm, inputs, attrs }) => {
  const { dy, x, weight } = inputs as { dy: tf.TensorInfo; x: tf.TensorInfo; weight: tf.TensorInfo };
  const { size, D, rows, block, shares } = shared(x);
  const dx = backend.output(x.shape);
  const partial = backend.output([shares, 2, D]);
  const pointers = [dy, x, weight, dx, partial].map((t) => backend.pointer(t));
  backend.run(wasm.layerNormGrad, shares, size * 1.5, ...pointers, rows, block, D, attrs.epsilon as number);
  const dWeight = backend.output([D]);
  const dBias = backend.output([D]);
  const both = reduce({ backend, wasm }, partial, { A: 1, R: shares, C: 2 * D, op: SUM, scale: 1 });
  const from = backend.data.get(both.dataId).values as Float32Array;
  (backend.data.get(dWeight.dataId).values as Float32Array).set(from.subarray(0, D));
  (backend.data.get(dBias.dataId).values as Float32Array).set(from.subarray(D));
  for (const temporary of [partial, both]) backend.disposeIntermediateTensorInfo(temporary);
  return [dx, dWeight, dBias];
};

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
  const { size, D, rows, block, shares } = shared(x);
  const dx = backend.output(x.shape);
  const partial = backend.output([shares, D]);
  const pointers = [dy, x, weight, dx, partial].map((t) => backend.pointer(t));
  backend.run(wasm.rmsNormGrad, shares, size, ...pointers, rows, block, D, attrs.epsilon as number);
  const dWeight = reduce({ backend, wasm }, partial, { A: 1, R: shares, C: D, op: SUM, scale: 1 });
  backend.disposeIntermediateTensorInfo(partial);
  return [dx, { ...dWeight, shape: [D] }];
};

export const normKernels: Record<string, FastKernel> = {
  LayerNorm: layerNorm,
  LayerNormGrad: layerNormGrad,
  RmsNorm: rmsNorm,
  RmsNormGrad: rmsNormGrad,
};
