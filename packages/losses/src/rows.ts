import { type CrossEntropyOptions, crossEntropy, runNamed } from '@blip2/tensor';
import * as tf from '@tensorflow/tfjs';

/**
 * Computes `crossEntropy` of each row, [N,V] and int32 [N] -> [N]; the labels may be freed before the backward pass, as the tape
 * keeps them.
 */
export function rowLosses(logits: tf.Tensor2D, labels: tf.Tensor1D, options: CrossEntropyOptions = {}): tf.Tensor1D {
  const { smoothing = 0, ignore = -100 } = options;
  return tf.customGrad((...args) => {
    const [logits, save] = args as [tf.Tensor2D, (tensors: tf.Tensor[]) => void];
    save([logits, labels]);
    const gradFunc = (dy: tf.Tensor, saved: tf.Tensor[]): tf.Tensor[] => {
      const [logits, labels] = saved as [tf.Tensor2D, tf.Tensor1D];
      const fused = runNamed('CrossEntropyGrad', { dy, logits, labels }, { smoothing, ignore });
      return fused ?? [gradient(dy, logits, labels, { smoothing, ignore })];
    };
    return { value: crossEntropy(logits, labels, { smoothing, ignore }), gradFunc };
  })(logits) as tf.Tensor1D;
}

/** dy * (softmax(logits) - target), 0 where the label is ignored: [N,V]. */
function gradient(
  dy: tf.Tensor,
  logits: tf.Tensor2D,
  labels: tf.Tensor1D,
  { smoothing, ignore }: Required<CrossEntropyOptions>,
): tf.Tensor {
  const V = logits.shape[1];
  const target = tf.add(tf.mul(tf.oneHot(labels, V), 1 - smoothing), smoothing / V);
  const weight = tf.mul(dy, tf.cast(tf.notEqual(labels, ignore), 'float32'));
  return tf.mul(tf.expandDims(weight, 1), tf.sub(tf.softmax(logits), target));
}
