import { isRecording, runNamed } from '@blip2/tensor';
import * as tf from '@tensorflow/tfjs';
import type { RotaryAttributes } from './fused/rotary.js';
import { type RotaryTables, rotaryTables } from './rotary-tables.js';

/** Options of `rotary`. */
export interface RotaryOptions {
  /** Number of heads, each a contiguous block of the width of x [B,L,D]. Without it x is [B,H,L,K]. */
  readonly heads?: number | undefined;
  /** Precomputed tables. Default: computed for this call. */
  readonly tables?: RotaryTables | undefined;
  /** Position of the first element of the sequence. Default 0. */
  readonly offset?: number | undefined;
  /** Positions as rows of `tables`, which are then required: int32 [L] or [B,L]. Default: consecutive from `offset`. */
  readonly positions?: tf.Tensor | undefined;
  /** Number of leading components of each head that are rotated, R; even. Default: all K. */
  readonly dimensions?: number | undefined;
  /** Pairs are (2i, 2i+1), as in GPT-J, instead of (i, i + R/2), as in Llama. Default false. */
  readonly interleaved?: boolean | undefined;
  /** Base of the frequencies, as in `rotaryTables`; ignored with `tables`. Default 10000. */
  readonly base?: number | undefined;
}

/**
 * Applies rotary position embeddings (RoPE, Su et al. 2021): each pair of components of a query or key is rotated by an angle
 * proportional to its position, so that dot products depend on relative positions only.
 * @param x [B,L,D] with `heads`, or [B,H,L,K]
 * @returns the shape of x, differentiable with respect to x
 * @throws when R is odd, or shapes, tables and positions do not match
 */
export function rotary<X extends tf.Tensor>(x: X, options: RotaryOptions = {}): X {
  const layout = layoutOf(x, options);
  const { B, L, K, R } = layout;
  const { heads, interleaved, positions, tables, offset = 0 } = options;
  if (
    heads !== undefined &&
    tables &&
    !interleaved &&
    R === K &&
    B * L * K > 0 &&
    hasKernel([x, tables.cos, tables.sin])
  ) {
    checkTables(options, layout);
    return byKernel(x, { heads, tables, positions, offset });
  }
  return tf.tidy(() => {
    const { cos, sin } = cosAndSin(options, layout);
    const op = tf.customGrad((...args) => {
      const [x, save] = args as [tf.Tensor, (tensors: tf.Tensor[]) => void];
      save([cos, sin]);
      const gradFunc = (dy: tf.Tensor, saved: tf.Tensor[]): tf.Tensor => {
        const [cos, sin] = saved as [tf.Tensor, tf.Tensor];
        return rotate(dy, cos, { ...layout, sin: tf.neg(sin) });
      };
      return { value: rotate(x, cos, { ...layout, sin }), gradFunc };
    });
    if (B * L * K === 0) return x.clone();
    if (R === K) return op(x);
    const heads = tf.reshape(x, layout.separate); // [B,L,H,K] or [B,H,L,K]
    const [rotated, rest] = tf.split(heads, [R, K - R], 3) as [tf.Tensor, tf.Tensor];
    return tf.reshape(tf.concat([op(rotated), rest], 3), x.shape);
  }) as X;
}

const ROTARY = 'Rotary';
const hasKernel = (tensors: readonly tf.Tensor[]): boolean =>
  tf.getKernel(ROTARY, tf.getBackend()) !== undefined && tensors.every(({ dtype }) => dtype === 'float32');

/** The whole rotation as one kernel, whose gradient is the same one backwards. */
function byKernel<X extends tf.Tensor>(
  x: X,
  { heads, tables, positions, offset }: RotaryOptions & { heads: number; tables: RotaryTables; offset: number },
): X {
  const constants = { cos: tables.cos, sin: tables.sin, ...(positions && { positions }) };
  const run = (x: tf.Tensor, tensors: Record<string, tf.Tensor>, sign: number): X => {
    const attrs: RotaryAttributes = { heads, offset, sign };
    return runNamed(ROTARY, { x, ...tensors }, { ...attrs })?.[0] as X;
  };
  if (!isRecording()) return run(x, constants, 1);
  return tf.customGrad((...args) => {
    const [x, save] = args as [tf.Tensor, (tensors: tf.Tensor[]) => void];
    save(Object.values(constants));
    const gradFunc = (dy: tf.Tensor, saved: tf.Tensor[]): tf.Tensor =>
      run(dy, Object.fromEntries(Object.keys(constants).map((name, i) => [name, saved[i] as tf.Tensor])), -1);
    return { value: run(x, constants, 1), gradFunc };
  })(x) as X;
}

/** @throws where x, its heads, tables or positions do not match */
export const checkRotary = (x: tf.Tensor, options: RotaryOptions): void => checkTables(options, layoutOf(x, options));

interface Layout {
  readonly B: number;
  readonly L: number;
  readonly K: number;
  readonly R: number;
  /** The shape with an axis of heads: [B,L,H,K] or [B,H,L,K]. */
  readonly separate: [number, number, number, number];
  /** [B,L,1] or [B,1,L], with 1 for B where all rows have the same positions: the axes before the pairs' of the angles. */
  readonly angles: (batch: number) => [number, number, number];
  readonly interleaved: boolean;
}

function layoutOf(x: tf.Tensor, { heads, dimensions, interleaved = false }: RotaryOptions): Layout {
  const joint = heads !== undefined;
  const D = x.shape[x.rank - 1] as number;
  if (x.rank !== (joint ? 3 : 4) || (joint && D % heads !== 0)) {
    const wanted = joint ? `[B,L,D], D a multiple of ${heads} heads` : '[B,H,L,K] or a number of heads';
    throw new Error(`rotary needs ${wanted}, not [${x.shape}].`);
  }
  const B = x.shape[0] as number;
  const L = x.shape[joint ? 1 : 2] as number;
  const K = joint ? D / heads : D;
  const R = dimensions ?? K;
  if (!Number.isInteger(R) || R <= 0 || R > K || R % 2 !== 0) {
    throw new Error(
      `rotary rotates pairs of components; 'dimensions' must be an even number from 2 to ${K}, not ${R}.`,
    );
  }
  const separate: Layout['separate'] = joint ? [B, L, heads, K] : [B, x.shape[1] as number, L, K];
  return { B, L, K, R, separate, interleaved, angles: (batch) => (joint ? [batch, L, 1] : [batch, 1, L]) };
}

/** @throws where tables or positions do not match x */
function checkTables({ positions, tables, offset }: RotaryOptions, { B, L, R }: Layout): void {
  const from = offset ?? 0;
  if (!Number.isInteger(from)) throw new Error(`rotary needs a whole offset, not ${from}.`);
  if (positions && (!tables || offset !== undefined)) {
    throw new Error('rotary needs tables for positions, which exclude an offset; pass tables and no offset.');
  }
  if (positions && ![`${L}`, `${B},${L}`].includes(positions.shape.join())) {
    throw new Error(`rotary needs int32 positions [${L}] or [${B},${L}], not [${positions.shape}].`);
  }
  const half = R / 2;
  if (tables && (tables.cos.shape[1] !== half || tables.sin.shape.join() !== tables.cos.shape.join())) {
    throw new Error(`rotary of ${R} components needs tables [P,${half}], not [${tables.cos.shape}].`);
  }
  if (tables && !positions && (from < 0 || from + L > tables.cos.shape[0])) {
    throw new Error(
      `rotary needs positions up to ${from + L}, but the tables have ${tables.cos.shape[0]}; create longer ones.`,
    );
  }
}

/** Returns the cosines and sines of x's pairs, of rank 5, to broadcast over batch and heads. */
function cosAndSin(options: RotaryOptions, layout: Layout): { cos: tf.Tensor; sin: tf.Tensor } {
  checkTables(options, layout);
  const { B, L, R, interleaved } = layout;
  const { positions, tables, base, offset = 0 } = options;
  const half = R / 2;
  const used = tables ?? rotaryTables({ positions: L, dimensions: R, base, from: offset });
  const shape = [...layout.angles(positions?.rank === 2 ? B : 1), ...(interleaved ? [half, 1] : [1, half])];
  const rowsOf = (table: tf.Tensor2D): tf.Tensor => {
    if (positions) return tf.reshape(tf.gather(table, positions as tf.Tensor1D), shape);
    return tf.reshape(tables ? tf.slice(table, [offset, 0], [L, half]) : table, shape);
  };
  return { cos: rowsOf(used.cos), sin: rowsOf(used.sin) };
}

/** x·cos + swapped(x)·(-sin, sin) */
function rotate(
  x: tf.Tensor,
  cos: tf.Tensor,
  { sin, separate, R, interleaved }: Layout & { sin: tf.Tensor },
): tf.Tensor {
  return tf.tidy(() => {
    const axis = interleaved ? 4 : 3;
    const pairs = tf.reshape(x, [...separate.slice(0, 3), ...(interleaved ? [R / 2, 2] : [2, R / 2])]);
    const swapped = tf.gather(pairs, [1, 0], axis);
    const signed = tf.concat([tf.neg(sin), sin], axis);
    return tf.reshape(tf.add(tf.mul(pairs, cos), tf.mul(swapped, signed)), x.shape);
  });
}
