import { hash, rng } from '@blip2/tensor';
import * as tf from '@tensorflow/tfjs';
import { detached } from './detached.js';

/** The candidates that are positives of a row, and are never drawn as negatives. */
export type Exclusion =
  /** The positive of row b is column offset + b. */
  | { offset: number }
  /** Positives have the same image id in rows, int32 [B], and columns, int32 [W]. */
  | { rows: tf.Tensor1D; columns: tf.Tensor1D };

const ownPair: Exclusion = { offset: 0 };
const EXCLUDED = -10000;

/**
 * Computes the probability with which each candidate is drawn as a negative: the softmax of the similarities, without positives.
 * @param sim similarities [B,W], divided by the temperature
 * @returns [B,W]
 */
export function negativeWeights(sim: tf.Tensor2D, exclude: Exclusion = ownPair): tf.Tensor2D {
  return detached(() => tf.tidy(() => tf.softmax(candidates(sim, exclude))));
}

/** Options of `hardNegatives`. */
export interface HardNegativeOptions {
  /** Random seed. */
  seed: number;
  /** Positives, which are never drawn. Default: column b for row b. */
  exclude?: Exclusion;
}

/**
 * Draws a hard negative for each row with the probabilities of `negativeWeights` (BLIP-2, section 3.1; ALBEF, section 3.2), by
 * the Gumbel-max trick: nothing is read back from the device, and no gradient flows.
 * @param sim similarities [B,W], divided by the temperature
 * @returns int32 [B], the column of each row's negative
 * @throws when there is only one candidate
 */
export function hardNegatives(sim: tf.Tensor2D, options: HardNegativeOptions): tf.Tensor1D {
  const { seed, exclude = ownPair } = options;
  const [B, W] = sim.shape;
  if (W < 2) throw new Error('A single pair has no negative; use batches of at least two pairs.');
  return detached(() =>
    tf.tidy(() => tf.cast<tf.Tensor1D>(tf.argMax(tf.add(candidates(sim, exclude), gumbel([B, W], seed)), 1), 'int32')),
  );
}

function candidates(sim: tf.Tensor2D, exclude: Exclusion): tf.Tensor2D {
  const [B, W] = sim.shape;
  const { rows, columns } = 'rows' in exclude ? exclude : positions(B, W, exclude.offset);
  if (rows.shape[0] !== B || columns.shape[0] !== W) {
    throw new Error(
      `Similarities [${sim.shape}] need the image ids of ${B} rows and ${W} columns, not of ${rows.shape[0]} and ${columns.shape[0]}.`,
    );
  }
  const positive = tf.equal(tf.expandDims(rows, 1), tf.expandDims(columns, 0)); // [B,W]
  return tf.where(positive, tf.fill<tf.Rank.R2>([B, W], EXCLUDED), sim);
}

function positions(B: number, W: number, offset: number): { rows: tf.Tensor1D; columns: tf.Tensor1D } {
  if (offset < 0 || offset + B > W) {
    throw new Error(
      `The batch of ${B} at offset ${offset} lies outside the ${W} candidates; use offset = rank * ${B}.`,
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
