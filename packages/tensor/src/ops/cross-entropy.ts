import * as tf from '@tensorflow/tfjs';
import { runNamed } from './named.js';

/** Options of `crossEntropy`. */
export interface CrossEntropyOptions {
  /** Label smoothing, distributed over all classes including the label's, as in PyTorch. Default 0. */
  smoothing?: number;
  /** The label of rows whose loss and gradient are 0. Default -100. */
  ignore?: number;
}

/**
 * Computes the softmax cross-entropy of each row, `(1 - s) * -logp[label] + s / V * sum(-logp)`; 0 where the label is ignored.
 * @param logits [N,V]
 * @param labels int32 [N]
 * @returns [N], differentiable with respect to `logits`
 * @throws when the shapes do not match
 */
export function crossEntropy(logits: tf.Tensor2D, labels: tf.Tensor1D, options: CrossEntropyOptions = {}): tf.Tensor1D {
  const { smoothing = 0, ignore = -100 } = options;
  if (logits.rank !== 2 || labels.rank !== 1 || logits.shape[0] !== labels.shape[0]) {
    throw new Error(
      `crossEntropy needs logits [N,V] and labels [N], not [${logits.shape}] and [${labels.shape}]; reshape them first.`,
    );
  }
  const attrs = { smoothing, ignore };
  return tf.customGrad((...args) => {
    const [logits, save] = args as [tf.Tensor2D, (tensors: tf.Tensor[]) => void];
    save([logits, labels]);
    const value = runNamed('CrossEntropy', { logits, labels }, attrs)?.[0] ?? compose(logits, labels, attrs);
    const gradFunc = (dy: tf.Tensor, saved: tf.Tensor[]): tf.Tensor[] => {
      const [logits, labels] = saved as [tf.Tensor2D, tf.Tensor1D];
      return runNamed('CrossEntropyGrad', { dy, logits, labels }, attrs) ?? [composeGrad(dy, logits, labels, attrs)];
    };
    return { value, gradFunc };
  })(logits) as tf.Tensor1D;
}

type Attrs = { smoothing: number; ignore: number };

/** The target distribution, [N,V], and a mask of the rows that are not ignored, [N]. */
function targets(
  labels: tf.Tensor1D,
  classes: number,
  { smoothing, ignore }: Attrs,
): { target: tf.Tensor; valid: tf.Tensor1D } {
  const valid = tf.cast(tf.notEqual(labels, ignore), 'float32') as tf.Tensor1D;
  const target = tf.oneHot(tf.cast(labels, 'int32'), classes, 1 - smoothing, 0);
  return { target: tf.add(tf.cast(target, 'float32'), smoothing / classes), valid };
}

function compose(logits: tf.Tensor2D, labels: tf.Tensor1D, attrs: Attrs): tf.Tensor {
  const { target, valid } = targets(labels, logits.shape[1], attrs);
  return tf.mul(valid, tf.neg(tf.sum(tf.mul(target, tf.logSoftmax(logits)), -1)));
}

function composeGrad(dy: tf.Tensor, logits: tf.Tensor2D, labels: tf.Tensor1D, attrs: Attrs): tf.Tensor {
  const { target, valid } = targets(labels, logits.shape[1], attrs);
  return tf.mul(tf.expandDims(tf.mul(dy, valid), 1), tf.sub(tf.softmax(logits), target));
}
