import type * as tf from '@tensorflow/tfjs';

export interface AttendOptions {
  /** So many heads, each a contiguous block of the width of q, k and v. Without it they are apart already. */
  heads?: number | undefined;
  /** int32 [B]: row b attends to keys and values `rows[b]` of the I given. Default: row b to b, and I is B. */
  rows?: tf.Tensor1D | undefined;
  /**
   * Only so many first rows of keys and values count: a cache may be longer than what is filled, and what lies beyond is
   * not read. L is then this length. Default: all rows.
   */
  length?: number | undefined;
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

/** The sizes of one attention, of which L counts the keys that are valid, and K is the width of a head. */
export interface Sizes {
  readonly B: number;
  readonly H: number;
  readonly Q: number;
  readonly L: number;
  readonly K: number;
}

/** @throws when queries, keys, mask and rows do not belong together */
export function checked(q: tf.Tensor, k: tf.Tensor, options: AttendOptions): Sizes {
  const { heads, rows, mask } = options;
  const whole = heads === undefined ? apart(q, k) : together(q, k, heads);
  const sizes = { ...whole, L: validKeys(whole.L, options.length) };
  const { B, H, Q, L } = sizes;
  const rowed = rows ? rows.rank === 1 && rows.dtype === 'int32' && rows.shape[0] === B : k.shape[0] === B;
  if (!rowed) {
    const given = rows ? `rows ${rows.dtype} [${rows.shape}]` : 'no rows';
    throw new Error(`Attention needs keys of ${B} rows or int32 rows [${B}], not keys [${k.shape}] and ${given}.`);
  }
  const target = [B, H, Q, L];
  if (mask && (mask.rank > 4 || mask.shape.some((size, i) => size !== 1 && size !== target[4 - mask.rank + i]))) {
    throw new Error(`An attention mask of shape [${mask.shape}] does not broadcast to [B,H,Q,L] = [${target}].`);
  }
  return sizes;
}

function apart(q: tf.Tensor, k: tf.Tensor): Sizes {
  const [B, H, Q, K] = q.shape as [number, number, number, number];
  if (q.rank !== 4 || k.rank !== 4 || k.shape[1] !== H || k.shape[3] !== K) {
    throw new Error(`Attention needs queries [B,H,Q,K] and keys [B,H,L,K], not [${q.shape}] and [${k.shape}].`);
  }
  return { B, H, Q, L: k.shape[2] as number, K };
}

function together(q: tf.Tensor, k: tf.Tensor, H: number): Sizes {
  const [B, Q, D] = q.shape as [number, number, number];
  if (q.rank !== 3 || k.rank !== 3 || k.shape[2] !== D || D % H !== 0) {
    throw new Error(
      `Attention of ${H} heads needs queries [B,Q,D] and keys [I,L,D], D a multiple of ${H}, not [${q.shape}] and [${k.shape}].`,
    );
  }
  return { B, H, Q, L: k.shape[1] as number, K: D / H };
}

function validKeys(rows: number, length: number | undefined): number {
  if (length === undefined) return rows;
  if (Number.isInteger(length) && length >= 0 && length <= rows) return length;
  throw new Error(
    `Attention over ${rows} keys cannot have a length of ${length}; give a whole number from 0 to ${rows}.`,
  );
}

/** Where the first query stands among the keys; at the last one or after it every query sees every key. */
export function firstPosition({ Q, L }: Sizes, causal: AttendOptions['causal']): number {
  if (causal === true) return L - Q;
  return causal ? causal.offset : L;
}
