import { runNamed } from '@blip2/tensor';
import * as tf from '@tensorflow/tfjs';

// Two named ops that write into tensors which their caller alone may see: a cache's own. TensorFlow.js' ops never do that, so
// there is no composed form of them; without kernels of these names a cache makes new tensors instead.

/** Whether the running backend writes rows in place. */
export const writesInPlace = (): boolean =>
  ['AppendRows', 'CopyRows'].every((name) => tf.getKernel(name, tf.getBackend()));

export interface AppendRowsOptions {
  /** The column that the first new one becomes. */
  readonly at: number;
  /** int32 [B], all different: the row of `x` that row b goes into. Default: b. */
  readonly rows?: tf.Tensor1D | undefined;
}

/** Writes `next` [B,L,D] into the columns `at` to `at + L` of x [S,C,D]. */
export function appendRows(x: tf.Tensor, next: tf.Tensor, { at, rows }: AppendRowsOptions): void {
  run('AppendRows', { x, next, ...(rows ? { rows } : {}) }, { at });
}

export interface CopyRowsOptions {
  readonly from: readonly number[];
  /** As many rows; none of them is read. */
  readonly to: readonly number[];
  /** Only so many first columns. */
  readonly length: number;
}

/** Row `to[i]` of x [S,C,D] becomes a copy of row `from[i]`. */
export function copyRows(x: tf.Tensor, { from, to, length }: CopyRowsOptions): void {
  const indices = [from, to].map((rows) => tf.tensor1d([...rows], 'int32')) as [tf.Tensor, tf.Tensor];
  run('CopyRows', { x, from: indices[0], to: indices[1] }, { length });
  tf.dispose(indices);
}

function run(name: string, inputs: Record<string, tf.Tensor>, attrs: Record<string, number>): void {
  if (runNamed(name, inputs, attrs)) return;
  throw new Error(
    `The backend '${tf.getBackend()}' has no kernel ${name}; set the backend that the cache was begun on.`,
  );
}
