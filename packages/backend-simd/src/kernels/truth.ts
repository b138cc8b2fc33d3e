import type * as tf from '@tensorflow/tfjs';
import { castTo } from './elementwise.js';
import type { Call, FastKernel } from './kernel.js';
import { reduceKernels } from './reduce.js';

// Truth values are bytes, kernels are of words: here they become words, and come back.

/** Lets kernels that move integers about move truth values too. */
export function withTruth(kernels: Record<string, FastKernel>): Record<string, FastKernel> {
  return Object.fromEntries(Object.entries(kernels).map(([name, kernel]) => [name, throughWords(kernel)]));
}

const throughWords =
  (kernel: FastKernel): FastKernel =>
  (call) => {
    const { backend, inputs } = call;
    const made: tf.TensorInfo[] = [];
    const note = (x: tf.TensorInfo): tf.TensorInfo => {
      made.push(x);
      return x;
    };
    const isTruth = (x: tf.TensorInfo): boolean => x.dtype === 'bool';
    if (!Object.values(inputs).some(isTruth)) return kernel(call);
    const words = Object.entries(inputs).map(([key, x]) => [key, isTruth(x) ? note(castTo(call, x, 'int32')) : x]);
    const out = kernel({ ...call, inputs: Object.fromEntries(words) });
    const back = (y: tf.TensorInfo): tf.TensorInfo => castTo(call, note(y), 'bool');
    const result = Array.isArray(out) ? out.map(back) : out && back(out);
    for (const x of made) backend.disposeIntermediateTensorInfo(x);
    return result;
  };

/** Is any of them true, are all: the largest or the smallest of zeros and ones. */
function reduced(call: Call, name: 'Max' | 'Min'): tf.TensorInfo | undefined {
  const { backend, inputs } = call;
  if (inputs.x!.dtype !== 'bool') return undefined;
  const x = castTo(call, inputs.x!, 'float32');
  const best = reduceKernels[name]!({ ...call, inputs: { x } }) as tf.TensorInfo | undefined;
  const y = best && castTo(call, best, 'bool');
  for (const temporary of best ? [x, best] : [x]) backend.disposeIntermediateTensorInfo(temporary);
  return y;
}

export const truthKernels: Record<string, FastKernel> = {
  Any: (call) => reduced(call, 'Max'),
  All: (call) => reduced(call, 'Min'),
};
