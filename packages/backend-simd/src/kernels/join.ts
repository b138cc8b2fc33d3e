import * as tf from '@tensorflow/tfjs';
import { type Call, type FastKernel, isWord, sizeOf } from './kernel.js';
import { copy } from './move.js';
import { contiguous } from './strides.js';

function join(call: Pick<Call, 'backend' | 'wasm'>, tensors: tf.TensorInfo[], axis: number): tf.TensorInfo | undefined {
  const { backend } = call;
  const first = tensors[0]!;
  if (!isWord(first) || tensors.some((x) => x.dtype !== first.dtype)) return undefined;
  const shape = tf.backend_util.computeOutShape(
    tensors.map((x) => x.shape),
    axis,
  );
  const y = backend.output(shape, first.dtype);
  const to = contiguous(shape);
  let offset = 0;
  for (const x of tensors) {
    const strides = [contiguous(x.shape), to];
    if (sizeOf(x) > 0) copy(call, backend.pointer(x), backend.pointer(y) + offset * 4, { sizes: x.shape, strides });
    offset += x.shape[axis]! * to[axis]!;
  }
  return y;
}

const axisOf = (axis: unknown, shape: number[]): number => tf.util.parseAxisParam(axis as number, shape)[0]!;

const concat: FastKernel = (call) => {
  const tensors = Object.values(call.inputs);
  return join(call, tensors, axisOf(call.attrs.axis, tensors[0]!.shape));
};

/** tf.stack */
const pack: FastKernel = (call) => {
  const axis = call.attrs.axis as number;
  const tensors = Object.values(call.inputs).map((x) => ({ ...x, shape: x.shape.toSpliced(axis, 0, 1) }));
  return axis < 0 ? undefined : join(call, tensors, axis);
};

/** Parts of `x` along an axis, of the given sizes. */
function cut(
  call: Call,
  x: tf.TensorInfo,
  { axis, sizes }: { axis: number; sizes: number[] },
): tf.TensorInfo[] | undefined {
  const { backend } = call;
  if (!isWord(x)) return undefined;
  const from = contiguous(x.shape);
  let offset = 0;
  return sizes.map((n) => {
    const y = backend.output(x.shape.with(axis, n), x.dtype);
    const loop = { sizes: y.shape, strides: [from, contiguous(y.shape)] };
    if (sizeOf(y) > 0) copy(call, backend.pointer(x) + offset * 4, backend.pointer(y), loop);
    offset += n * from[axis]!;
    return y;
  });
}

const split: FastKernel = (call) => {
  const x = call.inputs.x!;
  const axis = axisOf(call.attrs.axis, x.shape);
  const sizes = tf.backend_util.prepareSplitSize(x as tf.Tensor, call.attrs.numOrSizeSplits as number | number[], axis);
  return cut(call, x, { axis, sizes });
};

/** tf.unstack */
const unpack: FastKernel = (call) => {
  const x = call.inputs.value!;
  const axis = axisOf(call.attrs.axis, x.shape);
  const parts = cut(call, x, { axis, sizes: new Array(x.shape[axis]!).fill(1) });
  return parts?.map((part) => ({ ...part, shape: part.shape.toSpliced(axis, 1) }));
};

export const joinKernels: Record<string, FastKernel> = { Concat: concat, Pack: pack, SplitV: split, Unpack: unpack };
