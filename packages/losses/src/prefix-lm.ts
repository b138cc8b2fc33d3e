import { hash, rng } from '@blip2/tensor';
import * as tf from '@tensorflow/tfjs';
import { type LanguageLossOptions, lm } from './lm.js';

export interface PrefixLossOptions extends LanguageLossOptions {
  /** How many labels of each row belong to its prefix, int32 [B]. */
  prefix: tf.Tensor1D;
}

/**
 * Prefix language modelling (BLIP-2, section 3.2): the loss of a text after its prefix, which is read but not judged.
 * For a model that sees prefix and suffix in one sequence; one with an encoder for the prefix uses `lm`.
 * @param logits [B,T,V]
 * @param labels int32 [B,T]
 */
export function prefixLm(logits: tf.Tensor3D, labels: tf.Tensor2D, options: PrefixLossOptions): tf.Scalar {
  const { prefix, ignore = -100, ...rest } = options;
  const [B, T] = labels.shape;
  if (prefix.shape[0] !== B) {
    throw new Error(`Labels [${labels.shape}] need the prefix lengths of ${B} rows, not of ${prefix.shape[0]}.`);
  }
  return tf.tidy(() => {
    const read = tf.less(tf.range(0, T, 1, 'int32'), tf.expandDims(prefix, 1)); // [B,T]
    return lm(logits, tf.where(read, tf.fill<tf.Rank.R2>([B, T], ignore, 'int32'), labels), { ...rest, ignore });
  });
}

/**
 * Cuts a text in two at a random place between its words; the prefix may be empty, the suffix has a word at least.
 * The paper splits captions so but its code does not show where; every place is equally likely here.
 */
export function prefixSplit(words: string | readonly string[], seed: number): { prefix: string; suffix: string } {
  const list = typeof words === 'string' ? words.trim().split(/\s+/) : words;
  const cut = Math.floor(rng(hash(seed, 'prefix'))() * list.length);
  return { prefix: list.slice(0, cut).join(' '), suffix: list.slice(cut).join(' ') };
}
