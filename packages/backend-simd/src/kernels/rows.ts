import type * as tf from '@tensorflow/tfjs';
import { type Call, type FastKernel, sizeOf } from './kernel.js';

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
  CrossEntropy: crossEntropy,
  CrossEntropyGrad: crossEntropyGrad,
};
