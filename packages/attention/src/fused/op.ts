import { runNamed } from '@blip2/tensor';
import * as tf from '@tensorflow/tfjs';
import { type AttendOptions, firstPosition, type Sizes } from '../options.js';

type Three = readonly [q: tf.Tensor, k: tf.Tensor, v: tf.Tensor];

/** Whether the running backend has kernels for this attention: float32, heads together, nothing dropped. */
export function isFused(inputs: Three, { L }: Sizes, { heads, dropout }: AttendOptions): boolean {
  if (heads === undefined || (dropout?.training && dropout.rate > 0)) return false;
  if (inputs.some((x) => x.dtype !== 'float32' || x.size === 0) || L === 0) return false;
  return ['Attention', 'AttentionGrad'].every((name) => tf.getKernel(name, tf.getBackend()));
}

/**
 * The named op `Attention`: q [B,Q,D], k and v [I,C,D] of which `length` rows are valid, mask [b,h,q,l] (each size as in [B,H,Q,L] or 1), rows int32 [B] ->
 * y [B,Q,D]; and `AttentionGrad`: the same and dy -> dq, dk, dv. Probabilities are computed again rather than saved.
 */
export function fusedAttend(inputs: Three, sizes: Sizes, options: AttendOptions): tf.Tensor {
  const { H, Q, L, K } = sizes;
  const offset = Math.trunc(Math.min(Math.max(firstPosition(sizes, options.causal), -Q), L));
  const attrs = { heads: H, length: L, scale: options.scale ?? K ** -0.5, offset };
  return tf.tidy(() => {
    const constants: Record<string, tf.Tensor> = {};
    if (options.mask) constants.mask = wide(options.mask);
    if (options.rows) constants.rows = options.rows;
    const op = tf.customGrad((...args) => {
      const [q, k, v, save] = args as [tf.Tensor, tf.Tensor, tf.Tensor, (tensors: tf.Tensor[]) => void];
      const [y] = runNamed('Attention', { q, k, v, ...constants }, attrs) as [tf.Tensor];
      save([q, k, v, ...Object.values(constants)]);
      const gradFunc = (dy: tf.Tensor, saved: tf.Tensor[]): tf.Tensor[] => {
        const [q, k, v, ...rest] = saved as [tf.Tensor, tf.Tensor, tf.Tensor, ...tf.Tensor[]];
        const again = Object.fromEntries(Object.keys(constants).map((name, i) => [name, rest[i] as tf.Tensor]));
        return runNamed('AttentionGrad', { dy, q, k, v, ...again }, attrs) as tf.Tensor[];
      };
      return { value: y, gradFunc };
    });
    return op(...inputs); // [B,Q,D]
  });
}

/** The mask as float32 of rank 4, outside the tape. */
function wide(mask: tf.Tensor): tf.Tensor {
  const shape = [...Array(4 - mask.rank).fill(1), ...mask.shape];
  return tf.reshape(tf.cast(mask, 'float32'), shape);
}
