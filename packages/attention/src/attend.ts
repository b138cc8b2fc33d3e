import type * as tf from '@tensorflow/tfjs';
import { composedAttend, composedWeights } from './composed.js';
import { fusedAttend, isFused } from './fused/op.js';
import { type AttendOptions, checked } from './options.js';

/**
 * Computes multi-head scaled dot-product attention, `softmax(scale * q kᵀ + bias + mask) v` in each head (Vaswani et al. 2017,
 * section 3.2). With `heads`, tensors are [B,Q,D] and [I,L,D], and backends may have fused kernels; without, heads have an axis
 * of their own: q [B,H,Q,K], k [I,H,L,K], v [I,H,L,V] -> [B,H,Q,V].
 * @param q queries [B,Q,D]
 * @param k keys [I,L,D], or longer where `length` is given; I is B unless `rows` is given; narrower with fewer `keyHeads`
 * @param v values of the shape of k
 * @returns [B,Q,D], differentiable with respect to q, k, v, the bias and the gate
 * @throws when the shapes do not match
 */
export function attend(
  q: tf.Tensor,
  k: tf.Tensor,
  v: tf.Tensor,
  options: AttendOptions & { readonly heads: number },
): tf.Tensor3D;
export function attend(q: tf.Tensor, k: tf.Tensor, v: tf.Tensor, options?: AttendOptions): tf.Tensor4D;
export function attend(q: tf.Tensor, k: tf.Tensor, v: tf.Tensor, options: AttendOptions = {}): tf.Tensor {
  const sizes = checked(q, k, options);
  const shared = options.heads === undefined ? 3 : 4; // V may differ from K where heads have an axis of their own
  if (v.rank !== k.rank || v.shape.slice(0, shared).join() !== k.shape.slice(0, shared).join()) {
    const wanted = options.heads === undefined ? '[I,H,L,V]' : 'of the same shape';
    throw new Error(`attend needs values ${wanted} for keys [${k.shape}], not [${v.shape}].`);
  }
  return isFused([q, k, v], sizes, options)
    ? fusedAttend([q, k, v], sizes, options)
    : composedAttend([q, k, v], sizes, options);
}

/**
 * Computes the attention probabilities, for inspection, without gradient. Shapes and options are those of `attend`.
 * @returns [B,H,Q,L], whose rows sum to 1
 * @throws when the shapes do not match
 */
export function attentionWeights(
  q: tf.Tensor,
  k: tf.Tensor,
  options: Omit<AttendOptions, 'dropout' | 'gate'> = {},
): tf.Tensor4D {
  return composedWeights(q, k, checked(q, k, options), options);
}
