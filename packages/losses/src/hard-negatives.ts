import { hash, rng } from '@blip2/tensor';
import * as tf from '@tensorflow/tfjs';
import { detached } from './detached.js';

/** Which candidates are right answers and can be no negatives. */
export type Exclusion =
  /** Row b is answered by column offset + b. */
  | { offset: number }
  /** Rows and columns with the same number of an image, int32 [B] and [W]. */
  | { rows: tf.Tensor1D; columns: tf.Tensor1D };

const ownPair: Exclusion = { offset: 0 };
const EXCLUDED = -10000;

/**
 * How likely each candidate is to be drawn: softmax of the similarities, right answers excluded.
 * @param sim [B,W], divided by the temperature
 * @returns [B,W]
 */
export function negativeWeights(sim: tf.Tensor2D, exclude: Exclusion = ownPair): tf.Tensor2D {
  return detached(() => tf.tidy(() => tf.softmax(candidates(sim, exclude))));
}

export interface HardNegativeOptions {
  seed: number;
  exclude?: Exclusion;
}

/**
 * Draws one negative a row from `negativeWeights` (BLIP-2, section 3.1; ALBEF, section 3.2), by Gumbel-max over seeded noise:
 * nothing is read back from the device and no gradient flows.
 * @param sim [B,W], divided by the temperature
 * @returns int32 [B], the column of each row's negative
 * @throws when there is but one candidate
 */
export function hardNegatives(sim: tf.Tensor2D, options: HardNegativeOptions): tf.Tensor1D {
  const { seed, exclude = ownPair } = options;
  const [B, W] = sim.shape;
  if (W < 2) throw new Error('A single pair has no negative; train with at least two pairs in a batch.');
  return detached(() =>
    tf.tidy(() => tf.cast<tf.Tensor1D>(tf.argMax(tf.add(candidates(sim, exclude), gumbel([B, W], seed)), 1), 'int32')),
  );
}

function candidates(sim: tf.Tensor2D, exclude: Exclusion): tf.Tensor2D {
  const [B, W] = sim.shape;
  const { rows, columns } = 'rows' in exclude ? exclude : positions(B, W, exclude.offset);
  if (rows.shape[0] !== B || columns.shape[0] !== W) {
    throw new Error(
      `Similarities [${sim.shape}] need the numbers of ${B} rows and ${W} columns, not ${rows.shape[0]} and ${columns.shape[0]}.`,
    );
  }
  const right = tf.equal(tf.expandDims(rows, 1), tf.expandDims(columns, 0)); // [B,W]
  return tf.where(right, tf.fill<tf.Rank.R2>([B, W], EXCLUDED), sim);
}

function positions(B: number, W: number, offset: number): { rows: tf.Tensor1D; columns: tf.Tensor1D } {
  if (offset < 0 || offset + B > W) {
    throw new Error(
      `The batch of ${B} at offset ${offset} lies outside the ${W} candidates; give offset = rank * ${B}.`,
    );
  }
  return { rows: tf.range(offset, offset + B, 1, 'int32'), columns: tf.range(0, W, 1, 'int32') };
}

/** -log(-log(u)) of uniform u in (0, 1). */
function gumbel(shape: [number, number], seed: number): tf.Tensor2D {
  const random = rng(hash(seed, 'gumbel'));
  const values = Float32Array.from({ length: shape[0] * shape[1] }, () => -Math.log(-Math.log(random() + 2 ** -33)));
  return tf.tensor2d(values, shape);
}
