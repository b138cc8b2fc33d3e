import * as tf from '@tensorflow/tfjs';
import { type GeluKind, geluGrad, geluOp } from './gelu.js';

/** Optional inputs of `linearOp`. */
export interface LinearExtras {
  /** [O] */
  bias?: tf.Tensor | undefined;
  /** Applied to x first. */
  activation?: GeluKind | undefined;
  /** Added to the output, [...,O]. */
  residual?: tf.Tensor | undefined;
}

/**
 * Computes `y = act(x) Wᵀ + b + residual` as one kernel, with gradients that are computed only where they are needed (tfjs'
 * own fused matMul also computes that of a frozen weight). For the gradients only x is kept, and not `act(x)`.
 * @param x [...,I]; weight [O,I]
 * @returns [...,O]
 */
export function linearOp(x: tf.Tensor, weight: tf.Tensor, extras: LinearExtras = {}): tf.Tensor {
  const { bias, activation, residual } = extras;
  if (tf.getKernel(LINEAR, tf.getBackend()) && [x, weight].every(({ dtype }) => dtype === 'float32')) {
    const inputs = { x, weight, ...(bias && { bias }), ...(residual && { residual }) };
    return tf.engine().runKernel(LINEAR, inputs, { activation: activation ?? 'none' }) as tf.Tensor;
  }
  return tf.tidy(() => {
    const y = plusBias(rowsOf(activation ? geluOp(x, activation) : x), weight, bias);
    const whole = tf.reshape(y, [...x.shape.slice(0, -1), y.shape[1]]);
    return residual ? tf.add(whole, residual) : whole; // [...,O]
  });
}

/** All axes but the last as one: [...,D] -> [N,D]. */
export const rowsOf = (x: tf.Tensor): tf.Tensor2D => tf.reshape(x, [-1, x.shape[x.rank - 1] as number]);

function plusBias(x: tf.Tensor2D, weight: tf.Tensor, bias?: tf.Tensor): tf.Tensor2D {
  if (!bias) return tf.matMul(x, weight as tf.Tensor2D, false, true);
  if (!tf.getKernel(FUSED, tf.getBackend())) return tf.add(tf.matMul(x, weight as tf.Tensor2D, false, true), bias);
  const [N, I] = x.shape;
  const a = tf.reshape(x, [1, N, I]);
  const b = tf.reshape(weight, [1, ...weight.shape]);
  const attrs = { transposeA: false, transposeB: true, activation: 'linear' };
  const y = tf.engine().runKernel(FUSED, { a, b, bias }, attrs) as tf.Tensor;
  return tf.reshape(y, [N, weight.shape[0] as number]); // [N,O]
}

const LINEAR = 'Linear';
const FUSED = '_FusedMatMul';

tf.registerGradient({
  kernelName: LINEAR,
  inputsToSave: ['x', 'weight'],
  gradFunc: (dy, saved, attrs) => {
    const [x, weight] = saved as [tf.Tensor, tf.Tensor2D];
    const g = rowsOf(dy as tf.Tensor);
    const { activation } = attrs as unknown as { activation: GeluKind | 'none' };
    return {
      x: () => {
        const dx = tf.reshape(tf.matMul(g, weight), x.shape);
        return activation === 'none' ? dx : geluGrad(dx, x, activation);
      },
      weight: () => tf.matMul(g, rowsOf(activation === 'none' ? x : geluOp(x, activation)), true, false),
      bias: () => tf.sum(g, 0),
      residual: () => (dy as tf.Tensor).clone(),
    };
  },
});

// tfjs registers no gradient for this kernel, as `tf.fused.matMul` has its own.
tf.registerGradient({
  kernelName: FUSED,
  inputsToSave: ['a', 'b'],
  gradFunc: (dy, saved) => {
    const [g, x, weight] = [dy, ...saved] as [tf.Tensor3D, tf.Tensor3D, tf.Tensor3D];
    return {
      a: () => tf.matMul(g, weight),
      b: () => tf.matMul(g, x, true, false),
      bias: () => tf.sum(g, [0, 1]),
    };
  },
});
