import * as tf from '@tensorflow/tfjs';

export interface PadOptions {
  /** Every row's length; `'longest'` (the default) takes the longest row's. */
  readonly length?: number | 'longest';
  /** The id that fills up. */
  readonly pad: number;
  /** Where it fills up. Default `'right'`. */
  readonly side?: 'left' | 'right';
  /** The end from which too long a row is cut; without it, too long a row is an error. */
  readonly truncate?: 'left' | 'right';
}

/** Rows of ids made equally long, `[B,L]` in one array each. */
export interface PaddedBatch {
  readonly ids: Int32Array;
  /** 1 where there is text, 0 where there is padding. */
  readonly mask: Int32Array;
  readonly shape: [rows: number, length: number];
}

/** Pads rows of ids to one length. Throws where a row is too long and `truncate` does not say which end to cut. */
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

/** A padded batch as two int32 tensors `[B,L]`, which belong to the caller. */
export function toIdTensors({ ids, mask, shape }: PaddedBatch): { ids: tf.Tensor2D; mask: tf.Tensor2D } {
  return { ids: tf.tensor2d(ids, shape, 'int32'), mask: tf.tensor2d(mask, shape, 'int32') };
}
