import * as tf from '@tensorflow/tfjs';

/**
 * `y = x Wᵀ + b` as one kernel, whose gradients are computed only where they are asked for:
 * tfjs' own fused matMul also computes that of a frozen weight.
 * @param x [N,I]; weight [O,I]; bias [O]
 * @returns [N,O]
 */
export function linearOp(x: tf.Tensor2D, weight: tf.Tensor, bias?: tf.Tensor): tf.Tensor2D {
  if (!bias) return tf.matMul(x, weight as tf.Tensor2D, false, true);
  if (!tf.getKernel(KERNEL, tf.getBackend())) return tf.add(tf.matMul(x, weight as tf.Tensor2D, false, true), bias);
  const [N, I] = x.shape;
  const a = tf.reshape(x, [1, N, I]);
  const b = tf.reshape(weight, [1, ...weight.shape]);
  const attrs = { transposeA: false, transposeB: true, activation: 'linear' };
  const y = tf.engine().runKernel(KERNEL, { a, b, bias }, attrs) as tf.Tensor;
  return tf.reshape(y, [N, weight.shape[0] as number]); // [N,O]
}

const KERNEL = '_FusedMatMul';

// tfjs registers no gradient for this kernel, as `tf.fused.matMul` brings its own along.
tf.registerGradient({
  kernelName: KERNEL,
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
