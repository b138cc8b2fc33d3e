import * as tf from '@tensorflow/tfjs';

/** The slowest wave goes through half a period from one edge of the image to the other, the fastest through this many. */
const FASTEST = 8;

/**
 * Codes the positions of a feature map by sines and cosines, since the features of a convolution do not depend on position.
 * @returns [h·w,channels], row-major: of each axis the sines and cosines of frequencies in geometric steps
 */
export function positionCode([h, w]: readonly [number, number], channels: number): tf.Tensor2D {
  const count = channels / 4;
  const waves = Array.from({ length: count }, (_, i) => Math.PI * FASTEST ** (count === 1 ? 0 : i / (count - 1)));
  const axis = (at: number, length: number): number[] => {
    const share = (at + 0.5) / length;
    return [...waves.map((wave) => Math.sin(wave * share)), ...waves.map((wave) => Math.cos(wave * share))];
  };
  const rows = Array.from({ length: h }, (_, y) => axis(y, h));
  const columns = Array.from({ length: w }, (_, x) => axis(x, w));
  return tf.tensor2d(
    rows.flatMap((row) => columns.map((column) => [...row, ...column])),
    [h * w, channels],
  );
}
