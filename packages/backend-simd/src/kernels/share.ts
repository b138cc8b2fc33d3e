import * as tf from '@tensorflow/tfjs';
import type { FastKernel } from './kernel.js';

// Ops that give their input's data another shape or none; complex numbers are left to tfjs.

const reshape: FastKernel = ({ backend, inputs, attrs }) => {
  const x = inputs.x!;
  if (x.dtype === 'complex64') return undefined;
  const size = tf.util.sizeFromShape(x.shape);
  const shape = tf.util.inferFromImplicitShape(attrs.shape as number[], size);
  return tf.util.sizeFromShape(shape) === size ? backend.share(x, shape) : undefined;
};

const expandDims: FastKernel = ({ backend, inputs, attrs }) => {
  const x = inputs.input!;
  const dim = attrs.dim as number;
  if (x.dtype === 'complex64' || dim < -(x.shape.length + 1) || dim > x.shape.length) return undefined;
  return backend.share(x, x.shape.toSpliced(dim < 0 ? x.shape.length + dim + 1 : dim, 0, 1));
};

const identity: FastKernel = ({ backend, inputs }) =>
  inputs.x!.dtype === 'complex64' ? undefined : backend.share(inputs.x!, inputs.x!.shape);

export const shareKernels: Record<string, FastKernel> = {
  Reshape: reshape,
  ExpandDims: expandDims,
  Identity: identity,
};
