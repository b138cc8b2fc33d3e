import * as tf from '@tensorflow/tfjs';

/** Options of `checkGradients`. */
export interface GradientCheckOptions {
  /** Step of the central differences. */
  step?: number;
  /** Allowed difference, relative to the largest element of the numeric gradient plus one. */
  tolerance?: number;
  /** At most so many elements of each input are checked, spread evenly. */
  elements?: number;
}

/** Compares the gradient of the scalar function `fn` with respect to each input with central differences. */
export function checkGradients(
  fn: (...inputs: tf.Tensor[]) => tf.Tensor,
  inputs: tf.Tensor[],
  options: GradientCheckOptions = {},
): void {
  const { step = 1e-2, tolerance = 1e-2, elements = 40 } = options;
  const scalar = (...xs: tf.Tensor[]): tf.Scalar => tf.tidy(() => tf.sum(fn(...xs)) as tf.Scalar);
  const analytic = tf.grads(scalar)(inputs);
  inputs.forEach((input, which) => {
    const values = input.dataSync();
    const gradient = (analytic[which] as tf.Tensor).dataSync();
    const stride = Math.max(1, Math.floor(values.length / elements));
    const evaluate = (i: number, delta: number): number => {
      const moved = Float32Array.from(values);
      moved[i] = (moved[i] as number) + delta;
      return tf.tidy(
        () =>
          scalar(...inputs.map((x, j) => (j === which ? tf.tensor(moved, input.shape) : x))).dataSync()[0] as number,
      );
    };
    for (let i = 0; i < values.length; i += stride) {
      const numeric = (evaluate(i, step) - evaluate(i, -step)) / (2 * step);
      const difference = Math.abs(numeric - (gradient[i] as number));
      if (!(difference <= tolerance * (1 + Math.abs(numeric)))) {
        throw new Error(`Gradient of input ${which} at ${i}: ${gradient[i]} instead of ${numeric}.`);
      }
    }
  });
  for (const gradient of analytic) gradient.dispose();
}
