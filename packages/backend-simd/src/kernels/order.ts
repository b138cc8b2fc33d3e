import * as tf from '@tensorflow/tfjs';
import { allFloat, type Call, type FastKernel, sizeOf } from './kernel.js';

// As in assembly/order.ts.
const LARGEST = 0;
const SMALLEST = 1;

/** For more than so many, inserting one by one costs more than sorting. */
const MOST = 256;

function argBest({ backend, wasm, inputs, attrs }: Call, best: number): tf.TensorInfo | undefined {
  const x = inputs.x!;
  const [axis, ...others] = tf.util.parseAxisParam(attrs.axis as number | number[], x.shape) as [number, ...number[]];
  const D = x.shape[axis];
  if (!allFloat(x) || !D || others.length > 0) return undefined;
  const y = backend.output([...x.shape.slice(0, axis), ...x.shape.slice(axis + 1)], 'int32');
  const inner = tf.util.sizeFromShape(x.shape.slice(axis + 1));
  backend.run(wasm.argBest, sizeOf(y), sizeOf(x), best, backend.pointer(x), backend.pointer(y), D, inner);
  return y;
}

const topK: FastKernel = ({ backend, wasm, inputs, attrs }) => {
  const x = inputs.x!;
  const k = attrs.k as number;
  const D = x.shape.at(-1);
  if (!allFloat(x) || !D || k < 1 || k > Math.min(D, MOST)) return undefined;
  const shape = x.shape.with(-1, k);
  const best = [backend.output(shape), backend.output(shape, 'int32')];
  const size = sizeOf(x);
  const pointers = [x, ...best].map((t) => backend.pointer(t));
  backend.run(wasm.topK, size / D, size * 0.5 + (size / D) * k * 10, ...pointers, D, k);
  return best;
};

export const orderKernels: Record<string, FastKernel> = {
  ArgMax: (call) => argBest(call, LARGEST),
  ArgMin: (call) => argBest(call, SMALLEST),
  TopK: topK,
};
