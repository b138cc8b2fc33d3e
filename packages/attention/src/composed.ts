import { dropout } from '@blip2/tensor';
import * as tf from '@tensorflow/tfjs';
import { mergeHeads, splitHeads } from './heads.js';
import { causalMask } from './masks.js';
import { type AttendOptions, firstPosition, type Sizes } from './options.js';

/** Attention of TensorFlow.js' own ops, for any backend; shapes as in `attend`. */
export function composedAttend(
  [q, k, v]: readonly [tf.Tensor, tf.Tensor, tf.Tensor],
  sizes: Sizes,
  options: AttendOptions,
): tf.Tensor {
  const { B, H, Q, L } = sizes;
  return tf.tidy(() => {
    const values = headsOf(firstRows(v, L), options.heads, options.rows);
    const V = values.shape[3] as number;
    const p = probabilities(q, k, sizes, options); // [BH,Q,L]
    const kept = options.dropout ? dropout(p, options.dropout.rate, options.dropout) : p;
    const y = tf.matMul(kept, tf.reshape<tf.Rank.R3>(values, [B * H, L, V])); // [BH,Q,V]
    const apart = tf.reshape(y, [B, H, Q, V]); // [B,H,Q,V]
    return options.heads === undefined ? apart : mergeHeads(apart);
  });
}

/** [B,H,Q,L]; shapes as in `attentionWeights`. */
export function composedWeights(q: tf.Tensor, k: tf.Tensor, sizes: Sizes, options: AttendOptions): tf.Tensor4D {
  const { B, H, Q, L } = sizes;
  return tf.tidy(() => tf.reshape(probabilities(q, k, sizes, options), [B, H, Q, L]));
}

/** [BH,Q,L] */
function probabilities(q: tf.Tensor, k: tf.Tensor, sizes: Sizes, options: AttendOptions): tf.Tensor3D {
  const { B, H, Q, L, K } = sizes;
  const queries = tf.reshape<tf.Rank.R3>(headsOf(q, options.heads), [B * H, Q, K]);
  const keys = tf.reshape<tf.Rank.R3>(headsOf(firstRows(k, L), options.heads, options.rows), [B * H, L, K]);
  const scores = tf.matMul<tf.Tensor3D>(tf.mul(queries, options.scale ?? K ** -0.5), keys, false, true); // [BH,Q,L]
  const mask = wholeMask(sizes, options);
  if (!mask) return tf.softmax(scores);
  const masked = addConstant(tf.reshape(scores, [B, H, Q, L]), mask); // [B,H,Q,L]
  return tf.softmax(tf.reshape<tf.Rank.R3>(masked, [B * H, Q, L]));
}

/** The first L rows of [I,C,D] or [I,H,C,K]. */
function firstRows(x: tf.Tensor, L: number): tf.Tensor {
  const axis = x.rank - 2;
  if (x.shape[axis] === L) return x;
  return tf.slice(
    x,
    x.shape.map(() => 0),
    x.shape.map((size, i) => (i === axis ? L : size)),
  );
}

/** [I,L,D] or [I,H,L,K] -> [B,H,L,K] */
function headsOf(x: tf.Tensor, heads?: number, rows?: tf.Tensor1D): tf.Tensor {
  const all = heads === undefined ? x : splitHeads(x, heads);
  return rows ? tf.gather(all, rows) : all;
}

/** `x + constant` where `constant` broadcasts to x and stays outside the tape. */
function addConstant(x: tf.Tensor, constant: tf.Tensor): tf.Tensor {
  return tf.customGrad((...args) => {
    const [x] = args as [tf.Tensor];
    return { value: tf.add(x, constant), gradFunc: (dy: tf.Tensor) => [dy.clone()] };
  })(x);
}

function wholeMask(sizes: Sizes, { mask, causal }: AttendOptions): tf.Tensor | undefined {
  const { Q, L } = sizes;
  const offset = firstPosition(sizes, causal);
  if (offset >= L - 1) return mask;
  const future = causalMask(Q, L, offset);
  return mask ? tf.add(mask, future) : future;
}
