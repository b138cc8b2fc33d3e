import { hash, rng } from '@blip2/tensor';
import * as tf from '@tensorflow/tfjs';
import { type LanguageLossOptions, lm } from './lm.js';

/** Options of `prefixLm`. */
export interface PrefixLossOptions extends LanguageLossOptions {
  /** Number of labels of each row that belong to its prefix, int32 [B]. */
  prefix: tf.Tensor1D;
}

/**
 * Computes the prefix language modeling loss (BLIP-2, section 3.2), which ignores the labels of each prefix. It is for models
 * with prefix and suffix in one sequence; encoder-decoder models use `lm`.
 * @param logits [B,T,V]
 * @param labels int32 [B,T]
 * @throws when the number of prefixes does not match
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
 * Splits a text at a random place between its words, all equally likely; the prefix may be empty, the suffix has at least one
 * word. The paper splits captions in this way without giving the distribution.
 */
export function prefixSplit(words: string | readonly string[], seed: number): { prefix: string; suffix: string } {
  const list = typeof words === 'string' ? words.trim().split(/\s+/) : words;
  const cut = Math.floor(rng(hash(seed, 'prefix'))() * list.length);
  return { prefix: list.slice(0, cut).join(' '), suffix: list.slice(cut).join(' ') };
}
