import * as tf from '@tensorflow/tfjs';

/** Options of {@link padBatch}. */
export interface PadOptions {
  /** Length of every row. Default `'longest'`, the length of the longest row. */
  readonly length?: number | 'longest';
  /** Id of the padding token. */
  readonly pad: number;
  /** Side that is padded. Default `'right'`. */
  readonly side?: 'left' | 'right';
  /** Side at which longer rows are truncated. By default a longer row is an error. */
  readonly truncate?: 'left' | 'right';
}

/** Token ids of equal length with their attention mask, each an array of shape `[B,L]`. */
export interface PaddedBatch {
  /** Token ids. */
  readonly ids: Int32Array;
  /** Attention mask: 1 for text, 0 for padding. */
  readonly mask: Int32Array;
  /** `[B,L]` */
  readonly shape: [rows: number, length: number];
}

/**
 * Pads rows of token ids to equal length.
 * @throws Error where a row is longer than `length` and `truncate` is not given
 */
export function padBatch(rows: readonly (readonly number[])[], options: PadOptions): PaddedBatch {
  const { pad, side = 'right', truncate } = options;
  const longest = rows.reduce((most, row) => Math.max(most, row.length), 0);
  const length = options.length === undefined || options.length === 'longest' ? longest : options.length;
  const ids = new Int32Array(rows.length * length).fill(pad);
  const mask = new Int32Array(rows.length * length);
  for (const [index, row] of rows.entries()) {
    if (row.length > length && truncate === undefined) {
      throw new Error(
        `Row ${index} has ${row.length} ids and at most ${length} fit: shorten the text or give \`truncate\`.`,
      );
    }
    const excess = Math.max(0, row.length - length);
    const kept = truncate === 'left' ? row.slice(excess) : row.slice(0, length);
    const start = index * length + (side === 'left' ? length - kept.length : 0);
    ids.set(kept, start);
    mask.fill(1, start, start + kept.length);
  }
  return { ids, mask, shape: [rows.length, length] };
}

/** Converts a padded batch to two int32 tensors `[B,L]`, which the caller disposes. */
export function toIdTensors({ ids, mask, shape }: PaddedBatch): { ids: tf.Tensor2D; mask: tf.Tensor2D } {
  return { ids: tf.tensor2d(ids, shape, 'int32'), mask: tf.tensor2d(mask, shape, 'int32') };
}
