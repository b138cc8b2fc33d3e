import * as tf from '@tensorflow/tfjs';
import { quantizedGatherOp } from '../ops/quantized-gather.js';
import { isQuantized } from '../quantized/matrix.js';
import { type Initializer, normal, type Params, param } from '../spec.js';

/** Creates the spec of an embedding: weight [rows, width]. */
export const embeddingSpec = (rows: number, width: number, init: Initializer = normal(0.02)) => ({
  weight: param([rows, width], init, { packable: true }),
});
/** The parameters of an embedding. */
export type Embedding = Params<ReturnType<typeof embeddingSpec>>;

/** Looks up the embeddings of ids: int32 [...] -> [...,D]. The weight may be a `QuantizedMatrix`, which has no gradient. */
export function embedding(p: Embedding, ids: tf.Tensor): tf.Tensor {
  if (isQuantized(p.weight)) return quantizedGatherOp(p.weight, ids);
  return tf.tidy(() => tf.gather(p.weight, ids as tf.Tensor1D));
}
