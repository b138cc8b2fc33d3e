import type { KeyValueCache } from '@blip2/attention';
import { dispose, keep } from '@blip2/tensor';
import * as tf from '@tensorflow/tfjs';
import type { SyncDecodingState } from './language-model.js';

/** What a model holds of each text beside its caches, the text along the first axis; among it what comes next. */
export type TextRows = { logits: tf.Tensor2D; [name: string]: tf.Tensor };

/** How a model makes a text. Both functions run in a scope, and own nothing of what they return. */
export interface Making<R extends TextRows> {
  /** The layers' past. `begin` may put it here. */
  readonly memory: readonly KeyValueCache[];
  /** Reads the prompt. */
  begin(): R;
  /** One token more a text, int32 [B,1]; nothing that is returned may be a tensor of `last` itself. */
  next(last: R, ids: tf.Tensor2D): R;
  /** Frees what the model holds besides. */
  free?(): void;
}

/** Texts in the making, from what a model does at the beginning and at each token. */
export function decodingState<R extends TextRows>({ memory, begin, next, free }: Making<R>): SyncDecodingState {
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
  const replace = (made: R): void => {
    keep(made);
    dispose(last);
    last = made;
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
