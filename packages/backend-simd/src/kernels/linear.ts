import type * as tf from '@tensorflow/tfjs';
import { withScratch } from '../kit.js';
import { formOf } from './gelu.js';
import { type FastKernel, sizeOf, vectors } from './kernel.js';
import { multiply } from './matmul.js';

/** y [...,O] = act(x) [...,I] · weightᵀ [O,I] + bias [O] + residual [...,O], of which all but x and the weight may be missing. */
const linear: FastKernel = ({ backend, wasm, inputs, attrs }) => {
  const { x, weight, bias, residual } = inputs as Record<'x' | 'weight', tf.TensorInfo> & Record<string, tf.TensorInfo>;
  const [O, I] = weight.shape as [number, number];
  const rows = x.shape.slice(0, -1);
  const y = backend.output([...rows, O]);
  if (sizeOf(y) === 0) return y;
  const pointerOf = (t: tf.TensorInfo | undefined): number => (t ? backend.pointer(t) : 0);
  const product = {
    batch: 1,
    M: sizeOf({ shape: rows }),
    N: O,
    K: I,
    bias: pointerOf(bias),
    residual: pointerOf(residual),
  };
  const right = { pointer: backend.pointer(weight), row: 1, column: I, batch: 0 };
  const times = (pointer: number): void => {
    multiply(backend, wasm, { pointer, row: I, column: 1, batch: 0 }, right, backend.pointer(y), product);
  };
  if (attrs.activation === 'none') times(backend.pointer(x));
  else {
    const form = formOf(attrs.activation);
    const size = sizeOf(x);
    withScratch(backend, size * 4, (activated) => {
      backend.run(wasm.gelu, vectors(size), size * 1.5, form, backend.pointer(x), activated);
      times(activated);
    });
  }
  return y;
};

export const linearKernels: Record<string, FastKernel> = { Linear: linear };
