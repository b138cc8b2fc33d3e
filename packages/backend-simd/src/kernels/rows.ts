import type * as tf from '@tensorflow/tfjs';
import { type Call, type FastKernel, sizeOf } from './kernel.js';
import { reduce, SUM } from './reduce.js';

/** Most shares that layer norm's parameter gradients are summed in: fixed, so that the number of threads changes nothing. */
const SHARES = 32;

function alongLast(call: Call, name: 'softmax' | 'logSoftmax', axis: number): tf.TensorInfo | undefined {
  const { backend, wasm, inputs } = call;
  const x = inputs.logits!;
  const D = x.shape.at(-1);
  if (x.dtype !== 'float32' || !D || (axis !== -1 && axis !== x.shape.length - 1)) return undefined;
  const y = backend.output(x.shape);
  const size = sizeOf(x);
  backend.run(wasm[name], size / D, size * 1.2, backend.pointer(x), backend.pointer(y), D);
  return y;
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
  const D = x.shape.at(-1)!;
  const size = sizeOf(x);
  const rows = D === 0 ? 0 : size / D;
  const block = Math.max(1, Math.ceil(rows / SHARES));
  const shares = Math.ceil(rows / block);
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

const crossEntropy: FastKernel = ({ backend, wasm, inputs, attrs }) => {
  const { logits, labels } = inputs as { logits: tf.TensorInfo; labels: tf.TensorInfo };
  const [N, V] = logits.shape as [number, number];
  const loss = backend.output([N]);
  const pointers = [logits, labels, loss].map((t) => backend.pointer(t));
  const { smoothing, ignore } = attrs as { smoothing: number; ignore: number };
  backend.run(wasm.crossEntropy, N, N * V, ...pointers, V, smoothing, ignore);
  return loss;
};

const crossEntropyGrad: FastKernel = ({ backend, wasm, inputs, attrs }) => {
  const { dy, logits, labels } = inputs as { dy: tf.TensorInfo; logits: tf.TensorInfo; labels: tf.TensorInfo };
  const [N, V] = logits.shape as [number, number];
  const dx = backend.output([N, V]);
  const pointers = [dy, logits, labels, dx].map((t) => backend.pointer(t));
  const { smoothing, ignore } = attrs as { smoothing: number; ignore: number };
  backend.run(wasm.crossEntropyGrad, N, N * V * 1.8, ...pointers, V, smoothing, ignore);
  return dx;
};

export const rowKernels: Record<string, FastKernel> = {
  Softmax: (call) => alongLast(call, 'softmax', call.attrs.dim as number),
  LogSoftmax: (call) => alongLast(call, 'logSoftmax', call.attrs.axis as number),
  LayerNorm: layerNorm,
  LayerNormGrad: layerNormGrad,
  CrossEntropy: crossEntropy,
  CrossEntropyGrad: crossEntropyGrad,
};
