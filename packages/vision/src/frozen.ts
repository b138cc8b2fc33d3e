import * as tf from '@tensorflow/tfjs';

/** Runs `encode` as one op without a gradient, so that the tape holds none of its intermediates. */
export function frozen<T extends tf.Tensor>(encode: (pixels: tf.Tensor4D) => T, pixels: tf.Tensor4D): T {
  return tf.customGrad((...args) => {
    const [x] = args as [tf.Tensor4D];
    const gradFunc = (): tf.Tensor => {
      throw new Error('A frozen vision encoder has no gradient by its pixels; differentiate forward instead.');
    };
    return { value: encode(x), gradFunc };
  })(pixels) as T;
}
