import type * as tf from '@tensorflow/tfjs';
import { ADD, type FastKernel, sizeOf, vectors } from './kernel.js';

/** MurmurHash3's finalizer, as in `@blip2/tensor`. */
function mix(h: number): number {
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return (h ^ (h >>> 16)) >>> 0;
}

const dropout: FastKernel = ({ backend, wasm, inputs, attrs }) => {
  const x = inputs.x!;
  const { rate, seed } = attrs as { rate: number; seed: number };
  const y = backend.output(x.shape);
  const size = sizeOf(x);
  const threshold = Math.min(4294967295, Math.ceil(rate * 4294967296));
  const scalars = [mix(seed), threshold, 1 / (1 - rate)];
  backend.run(wasm.dropout, vectors(size), size * 0.7, backend.pointer(x), backend.pointer(y), ...scalars);
  return y;
};

const adamw: FastKernel = ({ backend, wasm, inputs, attrs }) => {
  const { param, grad, m, v } = inputs as Record<'param' | 'grad' | 'm' | 'v', tf.TensorInfo>;
  const { lr, beta1, beta2, epsilon, weightDecay, step, gradScale } = attrs as Record<string, number> & {
    lr: number;
    beta1: number;
    beta2: number;
    epsilon: number;
    weightDecay: number;
    step: number;
    gradScale: number;
  };
  const rate = lr / (1 - beta1 ** step);
  const correction = 1 / Math.sqrt(1 - beta2 ** step);
  const moments = [beta1, 1 - beta1, beta2, 1 - beta2];
  const rest = [rate, correction, epsilon, 1 - lr * weightDecay, gradScale];
  const pointers = [param, grad, m, v].map((x) => backend.pointer(x));
  const factor = inputs.factor ? backend.pointer(inputs.factor) : 0;
  const size = sizeOf(param);
  backend.run(wasm.adamw, vectors(size), size * 1, ...pointers, factor, ...moments, ...rest);
  return [];
};

/** sum + more, in the place of `sum` where no other tensor shares its data. */
const addInto: FastKernel = ({ backend, wasm, inputs }) => {
  const { sum, more } = inputs as { sum: tf.TensorInfo; more: tf.TensorInfo };
  const alone = backend.data.get(sum.dataId).refCount === 1;
  const y = alone ? backend.share(sum, sum.shape) : backend.output(sum.shape);
  const [a, b, c] = [sum, more, y].map((x) => backend.pointer(x)) as [number, number, number];
  const size = sizeOf(sum);
  backend.run(wasm.binaryFlat, vectors(size), size * 0.3, ADD, a, b, c, 1, 1);
  return y;
};

export const trainKernels: Record<string, FastKernel> = { Dropout: dropout, AdamWUpdate: adamw, AddInto: addInto };
