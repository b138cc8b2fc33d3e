import * as tf from '@tensorflow/tfjs';
import type { DecodingState, LanguageModel } from '../src/index.js';

export const EOS = 0;

/** A user's own model: what follows depends on the last token alone, by a table whose row 0 is for the beginning. */
export function chain(table: number[][]): LanguageModel {
  const rowsOf = (ids: readonly number[]): tf.Tensor2D => tf.tensor2d(ids.map((id) => table[id] as number[]));
  return {
    kind: 'decoder',
    width: 1,
    vocabSize: table.length,
    ids: { bos: 0, pad: 0, eos: [EOS] },
    embed: () => tf.zeros([1, 1, 1]),
    predict: () => ({ logits: tf.zeros([1, 1, 1]), labels: tf.zeros([1, 1], 'int32') }),
    start(): DecodingState {
      let last: number[] = [0];
      let logits = rowsOf(last);
      const become = (ids: number[]): void => {
        logits.dispose();
        last = ids;
        logits = rowsOf(last);
      };
      return {
        get rows() {
          return last.length;
        },
        get logits() {
          return logits;
        },
        step: (ids) => become([...ids]),
        reorder: (parents) => become(parents.map((row) => last[row] as number)),
        dispose: () => logits.dispose(),
      };
    },
  };
}
