import * as tf from '@tensorflow/tfjs';
import { type FastKernel, isWord, sizeOf } from './kernel.js';
import { copy } from './move.js';
import { contiguous } from './strides.js';

// Copies that step over elements, backwards too.

const stridedSlice: FastKernel = (call) => {
  const { backend, inputs, attrs } = call;
  const x = inputs.x!;
  if (!isWord(x)) return undefined;
  const a = attrs as unknown as Record<'begin' | 'end' | 'strides', number[]> & Record<`${string}Mask`, number>;
  const { finalShapeSparse, finalShape, begin, strides } = tf.slice_util.sliceInfo(
    x.shape,
    a.begin,
    a.end,
    a.strides,
    a.beginMask!,
    a.endMask!,
    a.ellipsisMask!,
    a.newAxisMask!,
    a.shrinkAxisMask!,
  );
  const y = backend.output(finalShape, x.dtype);
  if (sizeOf(y) === 0) return y;
  const from = contiguous(x.shape);
  const offset = begin.reduce((sum, b, axis) => sum + b * from[axis]!, 0);
  const steps = strides.map((s, axis) => s * from[axis]!);
  const loop = { sizes: finalShapeSparse, strides: [steps, contiguous(finalShapeSparse)] };
  copy(call, backend.pointer(x) + offset * 4, backend.pointer(y), loop);
  return y;
};

const reverse: FastKernel = (call) => {
  const { backend, inputs, attrs } = call;
  const x = inputs.x!;
  if (!isWord(x)) return undefined;
  const y = backend.output(x.shape, x.dtype);
  if (sizeOf(x) === 0) return y;
  const axes = new Set(tf.util.parseAxisParam(attrs.dims as number[], x.shape));
  const to = contiguous(x.shape);
  const steps = to.map((s, axis) => (axes.has(axis) ? -s : s));
  const offset = to.reduce((sum, s, axis) => sum + (axes.has(axis) ? (x.shape[axis]! - 1) * s : 0), 0);
  copy(call, backend.pointer(x) + offset * 4, backend.pointer(y), { sizes: x.shape, strides: [steps, to] });
  return y;
};

export const stridedKernels: Record<string, FastKernel> = { StridedSlice: stridedSlice, Reverse: reverse };
