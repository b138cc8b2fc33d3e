import type * as tf from '@tensorflow/tfjs';
import { composedAttend, composedWeights } from './composed.js';
import { fusedAttend, isFused } from './fused/op.js';
import { type AttendOptions, checked } from './options.js';

/**
 * Scaled dot-product attention, `softmax(scale * q kᵀ + bias + mask) v` in each head (Vaswani et al. 2017, section 3.2).
 * With `heads`, which a backend's kernels may fuse:
 * @param q [B,Q,D]; k and v [I,L,D], or more rows of which `length` are valid; narrower where `keyHeads` are fewer
 * @returns [B,Q,D], differentiable by q, k, v, the bias and the gate
 *
 * Without, for heads that are apart: q [B,H,Q,K], k [I,H,L,K], v [I,H,L,V] -> [B,H,Q,V]; k and v may have fewer heads.
 * @throws when the shapes do not belong together
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
  const shared = options.heads === undefined ? 3 : 4; // V may differ from K where heads are apart
  if (v.rank !== k.rank || v.shape.slice(0, shared).join() !== k.shape.slice(0, shared).join()) {
    const wanted = options.heads === undefined ? '[I,H,L,V]' : 'of the same shape';
    throw new Error(`attend needs values ${wanted} for keys [${k.shape}], not [${v.shape}].`);
  }
  return isFused([q, k, v], sizes, options)
    ? fusedAttend([q, k, v], sizes, options)
    : composedAttend([q, k, v], sizes, options);
}

/**
 * The probabilities with which queries look at keys, for inspection; no gradient. Shapes as in `attend`.
 * @returns [B,H,Q,L], rows summing to 1
 */
export function attentionWeights(
  q: tf.Tensor,
  k: tf.Tensor,
  options: Omit<AttendOptions, 'dropout' | 'gate'> = {},
): tf.Tensor4D {
  return composedWeights(q, k, checked(q, k, options), options);
}
