import type * as tf from '@tensorflow/tfjs';
import { type Call, type FastKernel, isWord, sizeOf, vectors, type Word } from './kernel.js';

/** Words that fill a tensor of a type with a value. */
function bitsOf(value: number, dtype: Word): number {
  if (dtype === 'int32') return value;
  return new Int32Array(new Float32Array([value]).buffer)[0]!;
}

/** Sets every element of `y` and gives it back. */
export function fillWith(
  { backend, wasm }: Pick<Call, 'backend' | 'wasm'>,
  y: tf.TensorInfo,
  value: number,
): tf.TensorInfo {
  const size = sizeOf(y);
  backend.run(wasm.fill32, vectors(size), size * 0.2, backend.pointer(y), bitsOf(value, y.dtype as Word));
  return y;
}

const fill: FastKernel = (call) => {
  const { shape, value, dtype } = call.attrs as { shape: number[]; value: number | string; dtype?: tf.DataType };
  const type = dtype ?? (typeof value === 'string' ? 'string' : 'float32');
  if (type !== 'float32' && type !== 'int32') return undefined;
  return fillWith(call, call.backend.output(shape, type), value as number);
};

const like =
  (value: number): FastKernel =>
  (call) => {
    const x = call.inputs.x!;
    return isWord(x) ? fillWith(call, call.backend.output(x.shape, x.dtype), value) : undefined;
  };

export const fillKernels: Record<string, FastKernel> = { Fill: fill, ZerosLike: like(0), OnesLike: like(1) };
