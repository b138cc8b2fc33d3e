import { dropout } from '@blip2/tensor';
import * as tf from '@tensorflow/tfjs';
import { mergeHeads, splitHeads } from './heads.js';
import { causalMask } from './masks.js';
import { type AttendOptions, firstPosition, type Sizes } from './options.js';

/** Computes attention from TensorFlow.js' own ops, on any backend; shapes as in `attend`. */
export function composedAttend(
  [q, k, v]: readonly [tf.Tensor, tf.Tensor, tf.Tensor],
  sizes: Sizes,
  options: AttendOptions,
): tf.Tensor {
  const { B, H, Q } = sizes;
  return tf.tidy(() => {
    const values = pastOf(v, sizes, options); // [BG,L,V]
    const V = values.shape[2];
    const p = probabilities(q, k, sizes, options); // [BG,(H/G)Q,L]
    const kept = options.dropout ? dropout(p, options.dropout.rate, options.dropout) : p;
    const passed = options.gate ? tf.mul(kept, tf.reshape(options.gate, kept.shape)) : kept;
    const y = tf.matMul<tf.Tensor3D>(passed, values); // [BG,(H/G)Q,V]
    const separate = tf.reshape(y, [B, H, Q, V]); // [B,H,Q,V]
    return options.heads === undefined ? separate : mergeHeads(separate);
  });
}

/** Computes the probabilities [B,H,Q,L]; shapes as in `attentionWeights`. */
export function composedWeights(q: tf.Tensor, k: tf.Tensor, sizes: Sizes, options: AttendOptions): tf.Tensor4D {
  const { B, H, Q, L } = sizes;
  return tf.tidy(() => tf.reshape(probabilities(q, k, sizes, options), [B, H, Q, L]));
}

/** The probabilities [BG,(H/G)Q,L]: the G heads of keys are a batch, and the query heads that share one are rows of a product. */
function probabilities(q: tf.Tensor, k: tf.Tensor, sizes: Sizes, options: AttendOptions): tf.Tensor3D {
  const { B, H, keyHeads: G, Q, L, K } = sizes;
  const { heads, scale = K ** -0.5, bias } = options;
  const shape: [number, number, number] = [B * G, (H / G) * Q, L];
  const queries = tf.reshape<tf.Rank.R3>(heads === undefined ? q : splitHeads(q, heads), [B * G, (H / G) * Q, K]);
  const keys = pastOf(k, sizes, options); // [BG,L,K]
  const scores = tf.matMul<tf.Tensor3D>(tf.mul(queries, scale), keys, false, true); // [BG,(H/G)Q,L]
  const mask = wholeMask(sizes, options);
  if (!mask && !bias) return tf.softmax(scores);
  let wide: tf.Tensor = tf.reshape(scores, [B, H, Q, L]); // [B,H,Q,L]
  if (bias) wide = tf.add(wide, bias);
  if (mask) wide = addConstant(wide, mask);
  return tf.softmax(tf.reshape<tf.Rank.R3>(wide, shape));
}

/** Selects the valid keys or values of each row, [I,C,W] or [I,G,C,K] -> [BG,L,K]. */
function pastOf(x: tf.Tensor, { B, keyHeads: G, L }: Sizes, { heads, rows }: AttendOptions): tf.Tensor3D {
  const valid = firstRows(x, L);
  const all = heads === undefined ? valid : splitHeads(valid, G); // [I,G,L,K]
  const picked = rows ? tf.gather(all, rows) : all;
  return tf.reshape<tf.Rank.R3>(picked, [B * G, L, picked.shape[3] as number]);
}

/** Slices the first L positions of [I,C,D] or [I,H,C,K]. */
function firstRows(x: tf.Tensor, L: number): tf.Tensor {
  const axis = x.rank - 2;
  if (x.shape[axis] === L) return x;
  return tf.slice(
    x,
    x.shape.map(() => 0),
    x.shape.map((size, i) => (i === axis ? L : size)),
  );
}

/** Adds a constant that broadcasts to x, without recording it for the gradient. */
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
