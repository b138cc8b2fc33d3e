import type * as tf from '@tensorflow/tfjs';
import { withScratch } from '../kit.js';
import { allFloat, type FastKernel, sizeOf } from './kernel.js';

type Inputs = Record<'x' | 'mean' | 'variance', tf.TensorInfo> & { scale?: tf.TensorInfo; offset?: tf.TensorInfo };

/** Batch normalisation by given moments, one number of each for every channel: the last axis. */
const batchNorm: FastKernel = ({ backend, wasm, inputs, attrs }) => {
  const { x, mean, variance, scale, offset } = inputs as Inputs;
  const C = x.shape.at(-1) ?? 0;
  const parameters = [mean, variance, scale, offset].filter((t) => t !== undefined);
  const size = sizeOf(x);
  if (!allFloat(x, ...parameters) || size === 0 || parameters.some((t) => sizeOf(t) !== C)) return undefined;
  const y = backend.output(x.shape);
  const values = (t: tf.TensorInfo): Float32Array => backend.data.get(t.dataId).values as Float32Array;
  withScratch(backend, 2 * C * 4, (pointer) => {
    const factors = new Float32Array(backend.heap.buffer, pointer, C);
    const epsilon = (attrs.varianceEpsilon as number | undefined) ?? 0.001;
    factors.set(values(variance).map((v) => 1 / Math.sqrt(v + epsilon)));
    if (scale) for (const [c, factor] of values(scale).entries()) factors[c]! *= factor;
    const shifts = new Float32Array(backend.heap.buffer, pointer + C * 4, C);
    shifts.set(offset ? values(offset) : new Float32Array(C));
    const places = [backend.pointer(x), backend.pointer(mean), pointer, pointer + C * 4, backend.pointer(y)];
    backend.run(wasm.batchNorm, size / C, size * 0.4, ...places, C);
  });
  return y;
};

export const batchNormKernels: Record<string, FastKernel> = { FusedBatchNorm: batchNorm };
