import * as tf from '@tensorflow/tfjs';
import { IGNORED } from './language-model.js';

/** Options of `labelsOf`. */
export interface LabelOptions {
  /** Attention mask [B,T]. */
  readonly mask?: tf.Tensor | undefined;
  /** Number of targets at the beginning that are no labels, such as those of a prompt. */
  readonly skip?: number | undefined;
}

/**
 * Makes labels of token ids: those that are masked or skipped become `IGNORED`.
 * @param ids int32 [B,T]
 * @returns int32 [B,T]
 */
export function labelsOf(ids: tf.Tensor, { mask, skip = 0 }: LabelOptions = {}): tf.Tensor2D {
  if (ids.rank !== 2) throw new Error(`Labels are made of ids [B,T], not of [${ids.shape}].`);
  return tf.tidy(() => {
    const [B, T] = ids.shape as [number, number];
    const kept = mask ? tf.cast(mask, 'bool') : tf.ones([B, T], 'bool');
    const wanted = tf.greaterEqual(tf.range(0, T, 1, 'int32'), skip); // [T]
    return tf.where(tf.logicalAnd(kept, wanted), ids, tf.fill([B, T], IGNORED, 'int32')) as tf.Tensor2D; // [B,T]
  });
}
