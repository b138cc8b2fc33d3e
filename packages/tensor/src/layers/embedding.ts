import * as tf from '@tensorflow/tfjs';
import { type Initializer, normal, type Params, param } from '../spec.js';

export const embeddingSpec = (rows: number, width: number, init: Initializer = normal(0.02)) => ({
  weight: param([rows, width], init),
});
export type Embedding = Params<ReturnType<typeof embeddingSpec>>;

/** The rows of a table: int32 [...] -> [...,D]. */
export function embedding(p: Embedding, ids: tf.Tensor): tf.Tensor {
  return tf.tidy(() => tf.gather(p.weight, ids as tf.Tensor1D));
}
