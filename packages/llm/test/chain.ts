import * as tf from '@tensorflow/tfjs';
import type { DecodingState, LanguageModel, SyncDecodingState, SyncLanguageModel } from '../src/index.js';

export const EOS = 0;

/** A language model by a table: row i has the logits of the tokens after token i, row 0 also those of the first token. */
export function chain(table: number[][]): SyncLanguageModel {
  const rowsOf = (ids: readonly number[]): tf.Tensor2D => tf.tensor2d(ids.map((id) => table[id] as number[]));
  return {
    kind: 'decoder',
    width: 1,
    vocabSize: table.length,
    ids: { bos: 0, pad: 0, eos: [EOS] },
    embed: () => tf.zeros([1, 1, 1]),
    predict: () => ({ logits: tf.zeros([1, 1, 1]), labels: tf.zeros([1, 1], 'int32') }),
    dispose: () => {},
    start(): SyncDecodingState {
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

/** Wraps a model so that generation through it is asynchronous, as it is with another engine. */
export function asynchronous(model: LanguageModel): LanguageModel {
  const later = () => new Promise((resolve) => setTimeout(resolve, 0));
  return {
    ...model,
    async start(prompt): Promise<DecodingState> {
      await later();
      const state = await model.start(prompt);
      return {
        get rows() {
          return state.rows;
        },
        get logits() {
          return state.logits;
        },
        step: (ids) => later().then(() => state.step(ids)),
        reorder: (parents) => later().then(() => state.reorder(parents)),
        dispose: () => state.dispose(),
      };
    },
  };
}
