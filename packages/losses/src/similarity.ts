import * as tf from '@tensorflow/tfjs';

/**
 * Computes image-text similarities: the largest dot product of the text with any query (BLIP-2, section 3.1). The gradient flows
 * to the first largest query.
 * @param image [I,Q,E]
 * @param text [T,E]
 * @returns [I,T], not divided by a temperature
 * @throws when the widths differ
 */
export function similarity(image: tf.Tensor3D, text: tf.Tensor2D): tf.Tensor2D {
  const [I, Q, E] = image.shape;
  const [T, width] = text.shape;
  if (width !== E) {
    throw new Error(
      `Images are projected to ${E} numbers and texts to ${width}; similarity needs the same width of both.`,
    );
  }
  return tf.tidy(() => {
    const products = tf.matMul(tf.reshape(image, [I * Q, E]), text, false, true); // [IQ,T]
    return largestQuery(tf.reshape(products, [I, Q, T])); // [I,T]
  });
}

/** Computes the maximum over the queries, [I,Q,T] -> [I,T], with the gradient of the first maximum, as in PyTorch. */
function largestQuery(products: tf.Tensor3D): tf.Tensor2D {
  return tf.customGrad((...args) => {
    const [x, save] = args as [tf.Tensor3D, (tensors: tf.Tensor[]) => void];
    save([x]);
    const gradFunc = (dy: tf.Tensor, saved: tf.Tensor[]): tf.Tensor[] => {
      const [x] = saved as [tf.Tensor3D];
      const queries = tf.reshape(tf.range(0, x.shape[1], 1, 'int32'), [1, -1, 1]);
      const chosen = tf.equal(tf.expandDims(tf.argMax(x, 1), 1), queries); // [I,Q,T]
      return [tf.mul(tf.expandDims(dy, 1), tf.cast(chosen, 'float32'))];
    };
    return { value: tf.max(x, 1), gradFunc };
  })(products) as tf.Tensor2D;
}
