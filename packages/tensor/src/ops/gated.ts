import * as tf from '@tensorflow/tfjs';
import { forward as composed, derivative, type GeluKind } from './gelu.js';
import { isRecording, runNamed } from './named.js';

/**
 * Computes `x * act(gate)`, the product of a gated feed-forward layer (Shazeer 2020).
 * @param x [...]; gate of the same shape
 * @returns [...], differentiable with respect to both
 * @throws where the shapes differ
 */
export function gatedOp(x: tf.Tensor, gate: tf.Tensor, approximate: GeluKind): tf.Tensor {
  if (!tf.util.arraysEqual(x.shape, gate.shape)) {
    throw new Error(`A gated product needs two tensors of one shape, not [${x.shape}] and [${gate.shape}].`);
  }
  if (!isRecording()) return forward(x, gate, approximate);
  return tf.customGrad((...args) => {
    const [x, gate, save] = args as [tf.Tensor, tf.Tensor, (tensors: tf.Tensor[]) => void];
    save([x, gate]);
    const value = forward(x, gate, approximate);
    const gradFunc = (dy: tf.Tensor, saved: tf.Tensor[]): tf.Tensor[] => {
      const [x, gate] = saved as [tf.Tensor, tf.Tensor];
      return (
        runNamed('GatedGrad', { dy, x, gate }, { approximate }) ?? [
          tf.mul(dy, composed[approximate](gate)),
          tf.mul(tf.mul(dy, x), derivative[approximate](gate)),
        ]
      );
    };
    return { value, gradFunc };
  })(x, gate);
}

const forward = (x: tf.Tensor, gate: tf.Tensor, approximate: GeluKind): tf.Tensor =>
  runNamed('Gated', { x, gate }, { approximate })?.[0] ?? tf.tidy(() => tf.mul(x, composed[approximate](gate)));
