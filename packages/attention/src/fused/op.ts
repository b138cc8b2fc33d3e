import { isRecording, runNamed } from '@blip2/tensor';
import * as tf from '@tensorflow/tfjs';
import { type AttendOptions, firstPosition, type Sizes } from '../options.js';
import { lazyGrad } from './gradient.js';

type Three = readonly [q: tf.Tensor, k: tf.Tensor, v: tf.Tensor];

/** Whether probabilities are dropped. */
const drops = ({ dropout }: AttendOptions): boolean => (dropout?.training ? dropout.rate > 0 : false);

/** The names of the ops; those with shared heads of keys or with dropout have their own, as backends may lack them. */
function namesOf(
  { H, keyHeads }: Sizes,
  options: AttendOptions,
): { forward: string; backward: string; withBias: string } {
  const forward = `${drops(options) ? 'Dropout' : ''}${keyHeads === H ? '' : 'Grouped'}Attention`;
  return { forward, backward: `${forward}Grad`, withBias: `${forward}GradWithBias` };
}

/** Reports whether the current backend has kernels for this attention: float32, with `heads`, without gate. */
export function isFused(inputs: Three, sizes: Sizes, options: AttendOptions): boolean {
  if (options.heads === undefined || options.gate) return false;
  if (inputs.some((x) => x.dtype !== 'float32' || x.size === 0) || sizes.L === 0) return false;
  const { forward, backward, withBias } = namesOf(sizes, options);
  return [forward, backward, ...(options.bias ? [withBias] : [])].every((name) => tf.getKernel(name, tf.getBackend()));
}

/**
 * Runs the named op `Attention`: q [B,Q,D], k and v [I,C,D] of which `length` rows are valid, mask and bias [b,h,q,l] (each size as
 * in [B,H,Q,L] or 1), rows int32 [B] -> y [B,Q,D]; `AttentionGrad`: these and dy -> dq, dk, dv; and
 * `AttentionGradWithBias`: these and dy -> dq, dk, dv, dbias. `GroupedAttention` and its gradients have k and v [I,C,D·keyHeads/heads]; `DropoutAttention` and `DropoutGroupedAttention` drop
 * probabilities, as `dropout` of `@blip2/tensor` with `rate` and `seed` drops those of [B,H,Q,L]. Probabilities are recomputed
 * rather than saved.
 */
export function fusedAttend([q, k, v]: Three, sizes: Sizes, options: AttendOptions): tf.Tensor {
  const { H, L, K, keyHeads } = sizes;
  const offset = offsetOf(sizes, options.causal);
  const { rate, seed } = options.dropout ?? {};
  const attrs = {
    ...{ heads: H, keyHeads, length: L, scale: options.scale ?? K ** -0.5, offset },
    ...(drops(options) ? { rate, seed } : {}),
  };
  const { forward, backward, withBias } = namesOf(sizes, options);
  return tf.tidy(() => {
    const inputs: Record<string, tf.Tensor> = { ...(options.bias && { bias: wide(options.bias) }), q, k, v };
    const constants: Record<string, tf.Tensor> = {};
    if (options.mask) constants.mask = wide(tf.cast(options.mask, 'float32'));
    if (options.rows) constants.rows = options.rows;
    const compute = (): tf.Tensor => (runNamed(forward, { ...inputs, ...constants }, attrs) as [tf.Tensor])[0]; // [B,Q,D]
    if (!isRecording()) return compute();
    return lazyGrad(inputs, constants, {
      forward: compute,
      backward: (dy, saved, first) => {
        const name = first === 'bias' ? withBias : backward;
        const [dq, dk, dv, dbias] = runNamed(name, { dy, ...saved }, attrs) as tf.Tensor[];
        return { q: dq, k: dk, v: dv, bias: dbias };
      },
    });
  });
}

/** The position of the first query among the keys, as the kernels take it. */
export const offsetOf = (sizes: Sizes, causal: AttendOptions['causal']): number =>
  Math.trunc(Math.min(Math.max(firstPosition(sizes, causal), -sizes.Q), sizes.L));

/** Prepends axes of size 1 up to rank 4. */
export function wide(x: tf.Tensor): tf.Tensor {
  return tf.reshape(x, [...Array(4 - x.rank).fill(1), ...x.shape]);
}
