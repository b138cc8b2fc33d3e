import { type RotaryTables, rotary } from '@blip2/attention';
import * as tf from '@tensorflow/tfjs';
import type { LlamaConfig } from './config.js';
import { rotaryFrequencies } from './rotary-scaling.js';

/** The rotations of the new columns of a text, shared by queries and keys of all layers. */
export interface Rotations {
  readonly tables: RotaryTables;
  /** Rows of the tables, int32 [B,L], where the columns of the texts have different positions. */
  readonly positions?: tf.Tensor2D | undefined;
}

/** Where the new columns are. */
export interface Columns {
  /** Number of past columns. */
  readonly past: number;
  /** Number of new columns. */
  readonly length: number;
  /** Number of columns of the whole text. */
  readonly whole: number;
  /** Attention mask of all columns [B,P+L]: tokens are counted, padding is not. */
  readonly mask?: tf.Tensor | undefined;
}

/** Computes the cosines and sines of the new columns, in the float32 arithmetic of transformers. */
export function rotationsOf(config: LlamaConfig, { past, length, whole, mask }: Columns): Rotations {
  const { frequencies, attentionFactor } = rotaryFrequencies(config.rotary, config.headSize, whole);
  const at = mask ? countedPositions(mask, length) : tf.range(past, past + length, 1, 'float32'); // [B,L] or [L]
  const angles = tf.mul(tf.reshape(at, [-1, 1]), tf.tensor2d(frequencies, [1, frequencies.length])); // [BL,R/2]
  const scaled = (x: tf.Tensor): tf.Tensor2D => (attentionFactor === 1 ? x : tf.mul(x, attentionFactor)) as tf.Tensor2D;
  const tables = { cos: scaled(tf.cos(angles)), sin: scaled(tf.sin(angles)) };
  if (!mask) return { tables };
  return { tables, positions: tf.reshape(tf.range(0, at.size, 1, 'int32'), at.shape as [number, number]) };
}

/** Counts the tokens before each of the last `length` columns: mask 1 1 0 0 1 -> 0 1 1 1 2. */
function countedPositions(mask: tf.Tensor, length: number): tf.Tensor2D {
  const counts = tf.cumsum(tf.cast(mask, 'float32'), 1) as tf.Tensor2D;
  const [B, L] = counts.shape;
  return tf.maximum(tf.sub(tf.slice(counts, [0, L - length], [B, length]), 1), 0); // [B,L]
}

/** Rotates queries or keys, [B,L,D] of contiguous heads. */
export const rotated = (x: tf.Tensor, heads: number, { tables, positions }: Rotations): tf.Tensor =>
  rotary(x, { heads, tables, ...(positions && { positions }) });
