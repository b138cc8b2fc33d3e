import type * as tf from '@tensorflow/tfjs';

/** Options of `attend`. */
export interface AttendOptions {
  /** Number of heads, each a contiguous block of the width of q, k and v. Without it, heads have an axis of their own. */
  heads?: number | undefined;
  /**
   * Number of heads of keys and values, each shared by `heads / keyHeads` adjacent query heads (grouped-query attention,
   * Ainslie et al. 2023). Default: `heads`, or the size of their axis.
   */
  keyHeads?: number | undefined;
  /** int32 [B]: queries b attend to keys and values `rows[b]` of I. Default: those of b, and I is B. */
  rows?: tf.Tensor1D | undefined;
  /**
   * Number of valid positions of keys and values, from the first: a cache may have capacity for more, which is not read. L is
   * then this length. Default: all positions.
   */
  length?: number | undefined;
  /** Additive finite mask, broadcastable to [B,H,Q,L], without gradient; see `additiveMask`. */
  mask?: tf.Tensor | undefined;
  /** Additive bias, float32 and differentiable, broadcastable to [B,H,Q,L], such as T5's relative positions [1,H,Q,L]. */
  bias?: tf.Tensor | undefined;
  /**
   * Causal attention: each query attends to the keys up to its own position. With `true`, the queries are at the last positions
   * of the keys (query i at L - Q + i, with and without a cache); with `{ offset }`, the first query is at `offset`.
   */
  causal?: boolean | { readonly offset: number } | undefined;
  /** Factor of the scores. Default `K^-0.5`; T5 has 1. */
  scale?: number | undefined;
  /** Dropout of the probabilities. */
  dropout?: { readonly rate: number; readonly training: boolean; readonly seed: number } | undefined;
  /**
   * Factor of the probabilities, [B,H,Q,L]. The gradient with respect to a gate of ones is each probability times its gradient,
   * a measure of importance (Michel et al. 2019). Attention with a gate is never fused.
   */
  gate?: tf.Tensor4D | undefined;
}

/** Options of attention over a cache: those of `attend`, with `heads`. */
export type CachedAttendOptions = Omit<AttendOptions, 'rows' | 'length'> & { readonly heads: number };

/** The sizes of an attention; L is the number of valid keys, K the width of a head. */
export interface Sizes {
  readonly B: number;
  readonly H: number;
  /** Number of heads of keys and values, a divisor of H. */
  readonly keyHeads: number;
  readonly Q: number;
  readonly L: number;
  readonly K: number;
}

/** Checks shapes and options and returns the sizes. @throws when they do not match */
export function checked(q: tf.Tensor, k: tf.Tensor, options: AttendOptions): Sizes {
  const { rows, mask, bias, gate } = options;
  const whole = options.heads === undefined ? separateHeads(q, k, options) : jointHeads(q, k, options.heads, options);
  const sizes = { ...whole, L: validKeys(whole.L, options.length) };
  const { B } = sizes;
  const rowsMatch = rows ? rows.rank === 1 && rows.dtype === 'int32' && rows.shape[0] === B : k.shape[0] === B;
  if (!rowsMatch) {
    const given = rows ? `rows ${rows.dtype} [${rows.shape}]` : 'no rows';
    throw new Error(`Attention needs keys [${B},…] or int32 rows [${B}], not keys [${k.shape}] and ${given}.`);
  }
  if (mask) checkBroadcast('mask', mask, sizes);
  if (bias) checkBroadcast('bias', bias, sizes);
  const { H, Q, L } = sizes;
  if (gate && gate.shape.join() !== [B, H, Q, L].join()) {
    throw new Error(`An attention gate needs the shape [B,H,Q,L] = [${[B, H, Q, L]}], not [${gate.shape}].`);
  }
  if (bias && bias.dtype !== 'float32') {
    throw new Error(
      `An attention bias has a gradient and must be float32, not ${bias.dtype}; cast it or pass it as mask.`,
    );
  }
  return sizes;
}

function checkBroadcast(name: string, x: tf.Tensor, { B, H, Q, L }: Sizes): void {
  const target = [B, H, Q, L];
  if (x.rank > 4 || x.shape.some((size, i) => size !== 1 && size !== target[4 - x.rank + i])) {
    throw new Error(`An attention ${name} of shape [${x.shape}] does not broadcast to [B,H,Q,L] = [${target}].`);
  }
}

function separateHeads(q: tf.Tensor, k: tf.Tensor, { keyHeads: expected }: AttendOptions): Sizes {
  const [B, H, Q, K] = q.shape as [number, number, number, number];
  const [, keyHeads, L] = k.shape as [number, number, number];
  const heads = keyHeads === H || (H % keyHeads === 0 && (expected ?? keyHeads) === keyHeads);
  if (q.rank !== 4 || k.rank !== 4 || !heads || k.shape[3] !== K) {
    const shared = expected === undefined ? 'H or a divisor of it' : `${expected}, a divisor of H`;
    throw new Error(
      `Attention needs queries [B,H,Q,K] and keys [B,G,L,K], G ${shared}, not [${q.shape}] and [${k.shape}].`,
    );
  }
  return { B, H, keyHeads, Q, L, K };
}

function jointHeads(q: tf.Tensor, k: tf.Tensor, H: number, { keyHeads = H }: AttendOptions): Sizes {
  const [B, Q, D] = q.shape as [number, number, number];
  const K = D / H;
  if (!(keyHeads > 0 && H % keyHeads === 0)) {
    throw new Error(`${H} query heads cannot share ${keyHeads} heads of keys; choose keyHeads that divides ${H}.`);
  }
  if (q.rank !== 3 || k.rank !== 3 || D % H !== 0 || k.shape[2] !== keyHeads * K) {
    const width = keyHeads === H ? 'D' : `D·${keyHeads}/${H}`;
    throw new Error(
      `Attention of ${H} heads needs queries [B,Q,D] and keys [I,L,${width}], D a multiple of ${H}, not [${q.shape}] and [${k.shape}].`,
    );
  }
  return { B, H, keyHeads, Q, L: k.shape[1] as number, K };
}

function validKeys(rows: number, length: number | undefined): number {
  if (length === undefined) return rows;
  if (Number.isInteger(length) && length >= 0 && length <= rows) return length;
  throw new Error(
    `Attention over ${rows} keys cannot have a length of ${length}; choose a whole number from 0 to ${rows}.`,
  );
}

/** Returns the position of the first query among the keys; from the last key on, every query attends to every key. */
export function firstPosition({ Q, L }: Sizes, causal: AttendOptions['causal']): number {
  if (causal === true) return L - Q;
  return causal ? causal.offset : L;
}
