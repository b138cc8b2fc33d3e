import type * as tf from '@tensorflow/tfjs';
import { type Call, sizeOf, vectors } from './kernel.js';
import { UNARY } from './unary.js';

/** The activations of tfjs' fused ops that are functions of the result alone, and their kernels. */
const KERNELS: Record<string, string> = { relu: 'Relu', sigmoid: 'Sigmoid' };

export interface FusedAttributes {
  activation?: string;
  leakyreluAlpha?: number;
}

const isLinear = ({ activation }: FusedAttributes): boolean => !activation || activation === 'linear';

/** Can `activate` serve these attributes? */
export const isFusable = (attrs: FusedAttributes): boolean => isLinear(attrs) || attrs.activation! in KERNELS;

/** Applies the activation of a fused op to its result, in place. */
export function activate({ backend, wasm }: Call, y: tf.TensorInfo, attrs: FusedAttributes): void {
  if (isLinear(attrs)) return;
  const op = UNARY.findIndex(([name]) => name === KERNELS[attrs.activation!]);
  const size = sizeOf(y);
  const pointer = backend.pointer(y);
  const alpha = attrs.leakyreluAlpha ?? 0;
  backend.run(wasm.unary, vectors(size), size * UNARY[op]![1], op, pointer, pointer, alpha);
}
