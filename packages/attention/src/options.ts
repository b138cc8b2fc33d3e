import type * as tf from '@tensorflow/tfjs';

export interface AttendOptions {
  /** So many heads, each a contiguous block of the width of q, k and v. Without it they are apart already. */
  heads?: number | undefined;
  /**
   * Keys and values have only so many heads, each shared by `heads / keyHeads` neighboring heads of the queries (Ainslie et
   * al. 2023). Default: as many as the queries, or as the shape says where they are apart.
   */
  keyHeads?: number | undefined;
  /** int32 [B]: row b attends to keys and values `rows[b]` of the I given. Default: row b to b, and I is B. */
  rows?: tf.Tensor1D | undefined;
  /**
   * Only so many first rows of keys and values count: a cache may be longer than what is filled, and what lies beyond is
   * not read. L is then this length. Default: all rows.
   */
  length?: number | undefined;
  /** Additive and finite, broadcastable to [B,H,Q,L]. It gets no gradient. */
  mask?: tf.Tensor | undefined;
  /** Like the mask, but float32 and differentiable: T5's relative positions are [1,H,Q,L]. */
  bias?: tf.Tensor | undefined;
  /**
   * Each query sees the keys up to its own position. `true`: the queries are the last ones of the keys
   * (position L - Q + i, right with and without a cache); `{ offset }`: the first query is at `offset`.
   */
  causal?: boolean | { readonly offset: number } | undefined;
  /** Scores are multiplied by it. Default `K^-0.5`; T5 takes 1. */
  scale?: number | undefined;
  /** Dropout of the probabilities, in training only. */
  dropout?: { readonly rate: number; readonly training: boolean; readonly seed: number } | undefined;
  /**
   * Multiplies the probabilities, [B,H,Q,L]. The gradient by a gate of ones says how much each look counts for what is
   * differentiated: probability times its gradient (Michel et al. 2019). No kernel fuses it.
   */
  gate?: tf.Tensor4D | undefined;
}

/** The sizes of one attention, of which L counts the keys that are valid, and K is the width of a head. */
export interface Sizes {
  readonly B: number;
  readonly H: number;
  /** Heads of keys and values, of which H is a multiple. */
  readonly keyHeads: number;
  readonly Q: number;
  readonly L: number;
  readonly K: number;
}

/** @throws when queries, keys, mask, bias and rows do not belong together */
export function checked(q: tf.Tensor, k: tf.Tensor, options: AttendOptions): Sizes {
  const { rows, mask, bias, gate } = options;
  const whole = options.heads === undefined ? apart(q, k, options) : together(q, k, options.heads, options);
  const sizes = { ...whole, L: validKeys(whole.L, options.length) };
  const { B } = sizes;
  const rowed = rows ? rows.rank === 1 && rows.dtype === 'int32' && rows.shape[0] === B : k.shape[0] === B;
  if (!rowed) {
    const given = rows ? `rows ${rows.dtype} [${rows.shape}]` : 'no rows';
    throw new Error(`Attention needs keys of ${B} rows or int32 rows [${B}], not keys [${k.shape}] and ${given}.`);
  }
  if (mask) checkBroadcast('mask', mask, sizes);
  if (bias) checkBroadcast('bias', bias, sizes);
  const { H, Q, L } = sizes;
  if (gate && gate.shape.join() !== [B, H, Q, L].join()) {
    throw new Error(`An attention gate is [B,H,Q,L] = [${[B, H, Q, L]}], not [${gate.shape}]; give one of that shape.`);
  }
  if (bias && bias.dtype !== 'float32') {
    throw new Error(
      `An attention bias has a gradient and must be float32, not ${bias.dtype}; cast it or give it as mask.`,
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

function apart(q: tf.Tensor, k: tf.Tensor, { keyHeads: wanted }: AttendOptions): Sizes {
  const [B, H, Q, K] = q.shape as [number, number, number, number];
  const [, keyHeads, L] = k.shape as [number, number, number];
  const heads = keyHeads === H || (H % keyHeads === 0 && (wanted ?? keyHeads) === keyHeads);
  if (q.rank !== 4 || k.rank !== 4 || !heads || k.shape[3] !== K) {
    const shared = wanted === undefined ? 'H or a divisor of it' : `${wanted}, a divisor of H`;
    throw new Error(
      `Attention needs queries [B,H,Q,K] and keys [B,G,L,K], G ${shared}, not [${q.shape}] and [${k.shape}].`,
    );
  }
  return { B, H, keyHeads, Q, L, K };
}

function together(q: tf.Tensor, k: tf.Tensor, H: number, { keyHeads = H }: AttendOptions): Sizes {
  const [B, Q, D] = q.shape as [number, number, number];
  const K = D / H;
  if (!(keyHeads > 0 && H % keyHeads === 0)) {
    throw new Error(`${H} heads of queries cannot share ${keyHeads} heads of keys; give keyHeads that divides ${H}.`);
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
    `Attention over ${rows} keys cannot have a length of ${length}; give a whole number from 0 to ${rows}.`,
  );
}

/** Where the first query stands among the keys; at the last one or after it every query sees every key. */
export function firstPosition({ Q, L }: Sizes, causal: AttendOptions['causal']): number {
  if (causal === true) return L - Q;
  return causal ? causal.offset : L;
}
