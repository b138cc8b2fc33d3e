import type * as tf from '@tensorflow/tfjs';
import { elementwiseKernels } from './elementwise.js';
import { allFloat, type Call } from './kernel.js';
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

/** Can `activate` serve this call of a fused op? */
export function isFusable({ inputs, attrs }: Call): boolean {
  const fused = attrs as FusedAttributes;
  return isLinear(fused) || fused.activation! in KERNELS || (fused.activation === 'prelu' && allFloat(prelu(inputs)));
}

const prelu = (inputs: Call['inputs']): tf.TensorInfo => inputs.preluActivationWeights!;

/** Applies the activation of a fused op to its result, which it takes over. */
export function activate(call: Call, y: tf.TensorInfo): tf.TensorInfo {
  const { backend, inputs, attrs } = call;
  const fused = attrs as FusedAttributes;
  if (isLinear(fused)) return y;
  if (fused.activation !== 'prelu') {
    applyUnary({ ...call, attrs: { alpha: fused.leakyreluAlpha } }, KERNELS[fused.activation!]!, y, y);
    return y;
  }
  const result = elementwiseKernels.Prelu!({ ...call, inputs: { x: y, alpha: prelu(inputs) } }) as tf.TensorInfo;
  backend.disposeIntermediateTensorInfo(y);
  return result;
}
