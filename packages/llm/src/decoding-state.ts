import type { KeyValueCache } from '@blip2/attention';
import { dispose, keep } from '@blip2/tensor';
import * as tf from '@tensorflow/tfjs';
import type { SyncDecodingState } from './language-model.js';

/** Tensors that a model keeps beside its caches, with a row for each text; among them the logits of the next token. */
export type TextRows = { logits: tf.Tensor2D; [name: string]: tf.Tensor };

/** How a model decodes. Both functions run in a `tf.tidy` and own nothing of what they return. */
export interface Decoder<R extends TextRows> {
  /** The key-value cache of each layer; `begin` may add them. */
  readonly memory: readonly KeyValueCache[];
  /** Reads the prompt. */
  begin(): R;
  /** Appends one token to each text, int32 [B,1]; it returns none of the tensors of `last` itself. */
  next(last: R, ids: tf.Tensor2D): R;
  /** Frees what the model keeps besides. */
  free?(): void;
}

/** Makes a decoding state of what a model does at the beginning and for each token. */
export function decodingState<R extends TextRows>({ memory, begin, next, free }: Decoder<R>): SyncDecodingState {
  const forget = (): void => {
    for (const layer of memory) layer.dispose();
    free?.();
  };
  let last: R;
  try {
    last = keep(tf.tidy(begin));
  } catch (error) {
    forget();
    throw error;
  }
  const replace = (rows: R): void => {
    keep(rows);
    dispose(last);
    last = rows;
  };
  return {
    get rows() {
      return last.logits.shape[0];
    },
    get logits() {
      return last.logits;
    },
    step(ids) {
      const rows = last.logits.shape[0];
      if (ids.length !== rows) throw new Error(`A step needs one id for each of ${rows} rows, not ${ids.length}.`);
      replace(tf.tidy(() => next(last, tf.tensor2d([...ids], [rows, 1], 'int32'))));
    },
    reorder(parents) {
      for (const layer of memory) layer.reorder(parents);
      replace(
        tf.tidy(() => {
          const index = tf.tensor1d([...parents], 'int32');
          return Object.fromEntries(Object.entries(last).map(([name, x]) => [name, tf.gather(x, index)])) as R;
        }),
      );
    },
    dispose() {
      dispose(last);
      forget();
    },
  };
}
