import * as tf from '@tensorflow/tfjs';

/** Computes the logits of the next token by a head without bias: weight [V,W], hidden [B,L,W] -> [B,L,V]. */
export function tokenLogits(weight: tf.Tensor, hidden: tf.Tensor): tf.Tensor3D {
  const [B, L, W] = hidden.shape as [number, number, number];
  return tf.tidy(() => {
    const logits = tf.matMul(tf.reshape(hidden, [B * L, W]), weight as tf.Tensor2D, false, true);
    return tf.reshape(logits, [B, L, -1]) as tf.Tensor3D; // [B,L,V]
  });
}
