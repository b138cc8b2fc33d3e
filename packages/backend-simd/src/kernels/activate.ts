import type * as tf from '@tensorflow/tfjs';
import type { Call } from './kernel.js';
import { applyUnary } from './unary.js';

/** The activations of tfjs' fused ops that are functions of the result alone, and their kernels. */
const KERNELS: Record<string, string> = {
  relu: 'Relu',
  relu6: 'Relu6',
  elu: 'Elu',
  leakyrelu: 'LeakyRelu',
  sigmoid: 'Sigmoid',
};

export interface FusedAttributes {
  activation?: string;
  leakyreluAlpha?: number;
}

const isLinear = ({ activation }: FusedAttributes): boolean => !activation || activation === 'linear';

/** Can `activate` serve these attributes? */
export const isFusable = (attrs: FusedAttributes): boolean => isLinear(attrs) || attrs.activation! in KERNELS;

/** Applies the activation of a fused op to its result, in place. */
export function activate(call: Call, y: tf.TensorInfo, attrs: FusedAttributes): void {
  if (isLinear(attrs)) return;
  applyUnary({ ...call, attrs: { alpha: attrs.leakyreluAlpha } }, KERNELS[attrs.activation!]!, y, y);
}
