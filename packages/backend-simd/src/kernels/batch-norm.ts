import type * as tf from '@tensorflow/tfjs';
import { withScratch } from '../kit.js';
import { allFloat, type FastKernel, sizeOf, vectors } from './kernel.js';

type Inputs = Record<'x' | 'mean' | 'variance', tf.TensorInfo> & { scale?: tf.TensorInfo; offset?: tf.TensorInfo };

/** As in assembly/batch-norm.ts. */
const BLOCK = 1024;

/** Batch normalization by given moments. All parameters have one size C, and x [...,C] has them again and again. */
const batchNorm: FastKernel = ({ backend, wasm, inputs, attrs }) => {
  const { x, mean, variance, scale, offset } = inputs as Inputs;
  const C = sizeOf(mean);
  const parameters = [mean, variance, scale, offset].filter((t) => t !== undefined);
  const size = sizeOf(x);
  if (!allFloat(x, ...parameters) || size === 0 || size % C || parameters.some((t) => sizeOf(t) !== C))
    return undefined;
  const y = backend.output(x.shape);
  const place = (t: tf.TensorInfo | undefined): number => (t ? backend.pointer(t) : 0);
  withScratch(backend, C * 4, (factor) => {
    const epsilon = (attrs.varianceEpsilon as number | undefined) ?? 0.001;
    backend.run(wasm.batchNormScale, vectors(C), C, place(variance), place(scale), factor, epsilon);
    const pointers = [place(x), place(mean), factor, place(offset), place(y)];
    backend.run(wasm.batchNorm, (size / C) * Math.ceil(C / BLOCK), size * 0.4, ...pointers, C);
  });
  return y;
};

export const batchNormKernels: Record<string, FastKernel> = { FusedBatchNorm: batchNorm };
