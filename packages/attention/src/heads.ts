import * as tf from '@tensorflow/tfjs';

/**
 * Splits the width into heads, each a contiguous block: [B,L,D] -> [B,H,L,K], K = D / H.
 * @throws when D is not a multiple of `heads`
 */
export function splitHeads(x: tf.Tensor, heads: number): tf.Tensor4D {
  const [B, L, D] = x.shape as [number, number, number];
  if (x.rank !== 3 || D % heads !== 0) {
    throw new Error(`splitHeads needs [B,L,D] with D a multiple of ${heads} heads, not [${x.shape}].`);
  }
  return tf.tidy(() => tf.transpose(tf.reshape(x, [B, L, heads, D / heads]), [0, 2, 1, 3])); // [B,H,L,K]
}

/** Merges heads, the inverse of `splitHeads`: [B,H,L,K] -> [B,L,H*K]. */
export function mergeHeads(x: tf.Tensor): tf.Tensor3D {
  if (x.rank !== 4) throw new Error(`mergeHeads needs [B,H,L,K], not [${x.shape}].`);
  const [B, H, L, K] = x.shape as [number, number, number, number];
  return tf.tidy(() => tf.reshape(tf.transpose(x, [0, 2, 1, 3]), [B, L, H * K])); // [B,L,D]
}
