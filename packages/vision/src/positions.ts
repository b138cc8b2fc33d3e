import * as tf from '@tensorflow/tfjs';

/** Cubic convolution (Keys 1981) with a = -0.75, as PyTorch has it. */
function cubic(distance: number): number {
  const a = -0.75;
  const t = Math.abs(distance);
  if (t <= 1) return ((a + 2) * t - (a + 3)) * t * t + 1;
  if (t < 2) return ((a * t - 5 * a) * t + 8 * a) * t - 4 * a;
  return 0;
}

/**
 * Computes the weights of PyTorch's bicubic `interpolate` without antialias along one axis: row i has the weights of the
 * `input` samples in sample i of `output`. Samples beyond the border are those of the border.
 */
export function bicubicWeights(input: number, output: number, alignCorners: boolean): number[][] {
  return Array.from({ length: output }, (_, i) => {
    const source = alignCorners
      ? output > 1
        ? (i * (input - 1)) / (output - 1)
        : 0
      : ((i + 0.5) * input) / output - 0.5;
    const first = Math.floor(source);
    const row = new Array<number>(input).fill(0);
    for (let tap = first - 1; tap <= first + 2; tap++) {
      const inside = Math.min(Math.max(tap, 0), input - 1);
      row[inside] = (row[inside] as number) + cubic(source - tap);
    }
    return row;
  });
}

/** Options of `resizePositions`. */
export interface ResizePositionsOptions {
  /** Rows and columns of the stored positions. */
  readonly from: readonly [number, number];
  readonly to: readonly [number, number];
  /** Number of rows before the grid that are not resized, such as the class token's. */
  readonly fixed: number;
  readonly alignCorners: boolean;
}

/**
 * Resizes a grid of position embeddings, row-major, bicubically.
 * @param positions [fixed + rows * columns, D] of `from`
 * @returns [fixed + rows * columns, D] of `to`, differentiable by `positions`
 */
export function resizePositions(positions: tf.Tensor2D, options: ResizePositionsOptions): tf.Tensor2D {
  const { from, to, fixed, alignCorners } = options;
  if (from.join() === to.join()) return positions.clone();
  return tf.tidy(() => {
    const vertical = bicubicWeights(from[0], to[0], alignCorners);
    const horizontal = bicubicWeights(from[1], to[1], alignCorners);
    const weights = vertical.flatMap((v) => horizontal.map((h) => v.flatMap((a) => h.map((b) => a * b))));
    const grid = tf.slice(positions, [fixed, 0], [from[0] * from[1], -1]); // [rows*columns,D]
    const resized: tf.Tensor2D = tf.matMul(tf.tensor2d(weights), grid);
    return fixed === 0 ? resized : tf.concat([tf.slice(positions, [0, 0], [fixed, -1]), resized], 0);
  });
}
