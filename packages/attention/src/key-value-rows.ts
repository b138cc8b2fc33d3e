import { runNamed } from '@blip2/tensor';
import * as tf from '@tensorflow/tfjs';

// Two named ops that write into the tensors of a cache in place. TensorFlow.js' ops never do that, so there is no composed
// form of them; without kernels of these names a cache creates new tensors instead.

/** Reports whether the current backend can write rows in place. */
export const writesInPlace = (): boolean =>
  ['AppendRows', 'CopyRows'].every((name) => tf.getKernel(name, tf.getBackend()));

/** Options of `appendRows`. */
export interface AppendRowsOptions {
  /** The position of the first new one. */
  readonly at: number;
  /** int32 [B], all different: the row of `x` into which row b is written. Default: b. */
  readonly rows?: tf.Tensor1D | undefined;
}

/** Writes `next` [B,L,D] into the positions `at` to `at + L` of x [S,C,D]. */
export function appendRows(x: tf.Tensor, next: tf.Tensor, { at, rows }: AppendRowsOptions): void {
  run('AppendRows', { x, next, ...(rows ? { rows } : {}) }, { at });
}

/** Options of `copyRows`. */
export interface CopyRowsOptions {
  /** Rows to copy. */
  readonly from: readonly number[];
  /** Destinations, none of which is in `from`. */
  readonly to: readonly number[];
  /** Number of positions to copy. */
  readonly length: number;
}

/** Copies row `from[i]` of x [S,C,D] to row `to[i]`. */
export function copyRows(x: tf.Tensor, { from, to, length }: CopyRowsOptions): void {
  const indices = [from, to].map((rows) => tf.tensor1d([...rows], 'int32')) as [tf.Tensor, tf.Tensor];
  run('CopyRows', { x, from: indices[0], to: indices[1] }, { length });
  tf.dispose(indices);
}

function run(name: string, inputs: Record<string, tf.Tensor>, attrs: Record<string, number>): void {
  if (runNamed(name, inputs, attrs)) return;
  throw new Error(
    `The backend '${tf.getBackend()}' has no kernel ${name}; set the backend on which the cache was created.`,
  );
}
