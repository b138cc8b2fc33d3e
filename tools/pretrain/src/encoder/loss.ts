import { crossEntropy, type LossTerms, l2Normalize, type Params, param, zeros } from '@blip2/tensor';
import * as tf from '@tensorflow/tfjs';
import { NONE } from './paint.js';

/** What is trained beside the encoder and thrown away: where the features' middle is, and a vector for each emoji. */
export const headSpec = (emoji: number, width: number) => ({
  center: param([width], zeros),
  emoji: param([emoji, width], zeros),
});
export type Head = Params<ReturnType<typeof headSpec>>;

const TEMPERATURE = 0.06;
const SMOOTHING = 0.05;

/**
 * The drawings of one emoji gather around one vector, away from those of all others: softmax of cosines (ProxyNCA,
 * Movshovitz-Attias 2017; NormFace, Wang 2017).
 * @param features [B,N,D]; shares [B,M,N] of the places, labels int32 [B·M]
 */
export function identityLoss(
  head: Head,
  features: tf.Tensor3D,
  { shares, labels }: { shares: tf.Tensor3D; labels: tf.Tensor1D },
): LossTerms {
  const D = features.shape[2];
  const pooled = tf.reshape(tf.matMul(shares, features), [-1, D]); // [BM,D]
  const points = l2Normalize(tf.sub(pooled, head.center)) as tf.Tensor2D;
  const cosines = tf.matMul(points, l2Normalize(head.emoji) as tf.Tensor2D, false, true); // [BM,emoji]
  const losses = crossEntropy(tf.div(cosines, TEMPERATURE) as tf.Tensor2D, labels, {
    smoothing: SMOOTHING,
    ignore: NONE,
  });
  const count = tf.sum(tf.cast(tf.notEqual(labels, NONE), 'float32'));
  return { total: tf.div(tf.sum(losses), count) as tf.Scalar };
}
