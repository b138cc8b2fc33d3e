import { dropout } from '@blip2/tensor';
import * as tf from '@tensorflow/tfjs';
import { causalMask } from './masks.js';

export interface AttendOptions {
  /** Additive and finite, broadcastable to [B,H,Q,L]. It gets no gradient. */
  mask?: tf.Tensor | undefined;
  /**
   * Each query sees the keys up to its own position. `true`: the queries are the last ones of the keys
   * (position L - Q + i, right with and without a cache); `{ offset }`: the first query is at `offset`.
   */
  causal?: boolean | { readonly offset: number } | undefined;
  /** Scores are multiplied by it. Default `K^-0.5`; T5 takes 1. */
  scale?: number | undefined;
  /** Dropout of the probabilities, in training only. */
  dropout?: { readonly rate: number; readonly training: boolean; readonly seed: number } | undefined;
}

/**
 * Scaled dot-product attention, `softmax(scale * q kᵀ + mask) v` (Vaswani et al. 2017, section 3.2.1).
 * @param q [B,H,Q,K]; k [B,H,L,K]; v [B,H,L,V], where V is mostly K
 * @returns [B,H,Q,V], differentiable by q, k and v
 * @throws when the shapes do not belong together
 */
export function attend(q: tf.Tensor, k: tf.Tensor, v: tf.Tensor, options: AttendOptions = {}): tf.Tensor4D {
  const { B, H, Q, K, L } = checked(q, k, options.mask);
  if (v.rank !== 4 || v.shape.slice(0, 3).join() !== [B, H, L].join()) {
    throw new Error(`attend needs values [B,H,L,V] for keys [${k.shape}], not [${v.shape}].`);
  }
  const V = v.shape[3] as number;
  const scale = options.scale ?? K ** -0.5;
  return tf.tidy(() => {
    const queries: tf.Tensor3D = tf.reshape(q, [B * H, Q, K]);
    const keys: tf.Tensor3D = tf.reshape(k, [B * H, L, K]);
    const values: tf.Tensor3D = tf.reshape(v, [B * H, L, V]);
    const p = probabilities(queries, keys, wholeMask(Q, L, options), { shape: [B, H, Q, L], scale });
    const kept = options.dropout ? dropout(p, options.dropout.rate, options.dropout) : p;
    const y = tf.matMul(kept, values); // [BH,Q,V]
    return tf.reshape(y, [B, H, Q, V]); // [B,H,Q,V]
  });
}

/**
 * The probabilities with which queries look at keys, for inspection; no gradient.
 * @param q [B,H,Q,K]; k [B,H,L,K]
 * @returns [B,H,Q,L], rows summing to 1
 */
export function attentionWeights(
  q: tf.Tensor,
  k: tf.Tensor,
  options: Omit<AttendOptions, 'dropout'> = {},
): tf.Tensor4D {
  const { B, H, Q, K, L } = checked(q, k, options.mask);
  return tf.tidy(() => {
    const queries: tf.Tensor3D = tf.reshape(q, [B * H, Q, K]);
    const keys: tf.Tensor3D = tf.reshape(k, [B * H, L, K]);
    const scale = options.scale ?? K ** -0.5;
    const p = probabilities(queries, keys, wholeMask(Q, L, options), { shape: [B, H, Q, L], scale });
    return tf.reshape(p, [B, H, Q, L]); // [B,H,Q,L]
  });
}

interface ScoreOptions {
  readonly shape: [B: number, H: number, Q: number, L: number];
  readonly scale: number;
}

/** [BH,Q,K], [BH,L,K] -> [BH,Q,L] */
function probabilities(
  q: tf.Tensor3D,
  k: tf.Tensor3D,
  mask: tf.Tensor | undefined,
  options: ScoreOptions,
): tf.Tensor3D {
  const [B, H, Q, L] = options.shape;
  const scores = tf.matMul<tf.Tensor3D>(tf.mul(q, options.scale), k, false, true); // [BH,Q,L]
  if (!mask) return tf.softmax(scores);
  const masked = addConstant(tf.reshape(scores, options.shape), mask); // [B,H,Q,L]
  return tf.softmax(tf.reshape<tf.Rank.R3>(masked, [B * H, Q, L]));
}

/** `x + constant` where `constant` broadcasts to x and stays outside the tape. */
function addConstant(x: tf.Tensor, constant: tf.Tensor): tf.Tensor {
  return tf.customGrad((...args) => {
    const [x] = args as [tf.Tensor];
    return { value: tf.add(x, constant), gradFunc: (dy: tf.Tensor) => [dy.clone()] };
  })(x);
}

function wholeMask(Q: number, L: number, { mask, causal = false }: AttendOptions): tf.Tensor | undefined {
  if (causal === false) return mask;
  const offset = causal === true ? L - Q : causal.offset;
  if (offset >= L - 1) return mask;
  const future = causalMask(Q, L, offset);
  return mask ? tf.add(mask, future) : future;
}

function checked(q: tf.Tensor, k: tf.Tensor, mask: tf.Tensor | undefined) {
  const [B, H, Q, K] = q.shape as [number, number, number, number];
  if (q.rank !== 4 || k.rank !== 4 || [k.shape[0], k.shape[1], k.shape[3]].join() !== [B, H, K].join()) {
    throw new Error(`Attention needs queries [B,H,Q,K] and keys [B,H,L,K], not [${q.shape}] and [${k.shape}].`);
  }
  const L = k.shape[2] as number;
  const target = [B, H, Q, L];
  if (mask?.shape.some((size, i) => size !== 1 && size !== target[4 - mask.rank + i])) {
    throw new Error(`An attention mask of shape [${mask.shape}] does not broadcast to [B,H,Q,L] = [${target}].`);
  }
  return { B, H, Q, K, L };
}
