import * as tf from '@tensorflow/tfjs';
import { type RotaryTables, rotaryTables } from './rotary-tables.js';

export interface RotaryOptions {
  /** So many heads, each a contiguous block of the width: x is [B,L,D]. Without it they are apart, x is [B,H,L,K]. */
  readonly heads?: number | undefined;
  /** What to turn by, for callers that keep it. Default: made for this call. */
  readonly tables?: RotaryTables | undefined;
  /** The position of the first column; the others follow. Default 0. */
  readonly offset?: number | undefined;
  /** The rows of the tables instead, int32 [L] or [B,L]. They need `tables`. */
  readonly positions?: tf.Tensor | undefined;
  /** R, even: the first so many components of each head turn, the others stay. Default: all K. */
  readonly dimensions?: number | undefined;
  /** Pairs are neighbors (2i, 2i+1), as in GPT-J, and not (i, i + R/2), as in Llama. Default false. */
  readonly interleaved?: boolean | undefined;
  /** Where there are no tables, as in `rotaryTables`. Default 10000. */
  readonly base?: number | undefined;
}

/**
 * Rotary positions (Su et al. 2021, RoFormer): each pair of components of a query or key turns by an angle that grows with
 * its position, so that their products depend on the distance alone.
 * @param x [B,L,D] with `heads`, or [B,H,L,K]
 * @returns the same shape, differentiable by x
 * @throws when K or R is odd, or shapes, tables and positions do not belong together
 */
export function rotary<X extends tf.Tensor>(x: X, options: RotaryOptions = {}): X {
  const layout = layoutOf(x, options);
  const { B, L, K, R } = layout;
  return tf.tidy(() => {
    const { cos, sin } = batchIterator(options, layout);
    const op = tf.customGrad((...args) => {
      const [x, save] = args as [tf.Tensor, (tensors: tf.Tensor[]) => void];
      save([cos, sin]);
      const gradFunc = (dy: tf.Tensor, saved: tf.Tensor[]): tf.Tensor => {
        const [cos, sin] = saved as [tf.Tensor, tf.Tensor];
        return turn(dy, cos, { ...layout, sin: tf.neg(sin) });
      };
      return { value: turn(x, cos, { ...layout, sin }), gradFunc };
    });
    if (B * L * K === 0) return x.clone();
    if (R === K) return op(x);
    const heads = tf.reshape(x, layout.apart); // [B,L,H,K] or [B,H,L,K]
    const [turned, rest] = tf.split(heads, [R, K - R], 3) as [tf.Tensor, tf.Tensor];
    return tf.reshape(tf.concat([op(turned), rest], 3), x.shape);
  }) as X;
}

interface Layout {
  readonly B: number;
  readonly L: number;
  readonly K: number;
  readonly R: number;
  /** The heads on an axis of their own: [B,L,H,K] or [B,H,L,K]. */
  readonly apart: [number, number, number, number];
  /** [B,L,1] or [B,1,L], with 1 for B where all rows have the same positions: the axes before the pairs' of the angles. */
  readonly angles: (batch: number) => [number, number, number];
  readonly interleaved: boolean;
}

function layoutOf(x: tf.Tensor, { heads, dimensions, interleaved = false }: RotaryOptions): Layout {
  const together = heads !== undefined;
  const D = x.shape[x.rank - 1] as number;
  if (x.rank !== (together ? 3 : 4) || (together && D % heads !== 0)) {
    const wanted = together ? `[B,L,D], D a multiple of ${heads} heads` : '[B,H,L,K] or a number of heads';
    throw new Error(`rotary needs ${wanted}, not [${x.shape}].`);
  }
  const B = x.shape[0] as number;
  const L = x.shape[together ? 1 : 2] as number;
  const K = together ? D / heads : D;
  const R = dimensions ?? K;
  if (!Number.isInteger(R) || R <= 0 || R > K || R % 2 !== 0) {
    throw new Error(`rotary turns pairs of components; ${R} of a head's ${K} must be an even number from 2 to ${K}.`);
  }
  const apart: Layout['apart'] = together ? [B, L, heads, K] : [B, x.shape[1] as number, L, K];
  return { B, L, K, R, apart, interleaved, angles: (batch) => (together ? [batch, L, 1] : [batch, 1, L]) };
}

/** The cosines and sines of x's pairs, of rank 5, to broadcast over batch and heads. */
function batchIterator(options: RotaryOptions, layout: Layout): { cos: tf.Tensor; sin: tf.Tensor } {
  const { B, L, R, interleaved } = layout;
  const { positions, tables, base, offset = 0 } = options;
  if (!Number.isInteger(offset)) throw new Error(`rotary needs a whole offset, not ${offset}.`);
  if (positions && (!tables || options.offset !== undefined)) {
    throw new Error(
      'rotary takes positions as rows of given tables and without an offset; give tables and leave it out.',
    );
  }
  if (positions && ![`${L}`, `${B},${L}`].includes(positions.shape.join())) {
    throw new Error(`rotary needs int32 positions [${L}] or [${B},${L}], not [${positions.shape}].`);
  }
  const half = R / 2;
  if (tables && (tables.cos.shape[1] !== half || tables.sin.shape.join() !== tables.cos.shape.join())) {
    throw new Error(`rotary of ${R} components needs tables [P,${half}], not [${tables.cos.shape}].`);
  }
  if (tables && !positions && (offset < 0 || offset + L > tables.cos.shape[0])) {
    throw new Error(
      `rotary's columns end at position ${offset + L} of tables of ${tables.cos.shape[0]}; make longer tables.`,
    );
  }
  const made = tables ?? rotaryTables({ positions: L, dimensions: R, base, from: offset });
  const shape = [...layout.angles(positions?.rank === 2 ? B : 1), ...(interleaved ? [half, 1] : [1, half])];
  const rowsOf = (table: tf.Tensor2D): tf.Tensor => {
    if (positions) return tf.reshape(tf.gather(table, positions as tf.Tensor1D), shape);
    return tf.reshape(tables ? tf.slice(table, [offset, 0], [L, half]) : table, shape);
  };
  return { cos: rowsOf(made.cos), sin: rowsOf(made.sin) };
}

/** x·cos + swapped(x)·(-sin, sin) */
function turn(x: tf.Tensor, cos: tf.Tensor, { sin, apart, R, interleaved }: Layout & { sin: tf.Tensor }): tf.Tensor {
  return tf.tidy(() => {
    const axis = interleaved ? 4 : 3;
    const pairs = tf.reshape(x, [...apart.slice(0, 3), ...(interleaved ? [R / 2, 2] : [2, R / 2])]);
    const swapped = tf.gather(pairs, [1, 0], axis);
    const signed = tf.concat([tf.neg(sin), sin], axis);
    return tf.reshape(tf.add(tf.mul(pairs, cos), tf.mul(swapped, signed)), x.shape);
  });
}
