import * as tf from '@tensorflow/tfjs';

/**
 * Runs the kernel that the current backend has registered under a name.
 * @returns its outputs; undefined where the backend has no such kernel, and the op has to be composed of others
 */
export function runNamed(
  name: string,
  inputs: Record<string, tf.Tensor>,
  attrs: Record<string, unknown>,
): tf.Tensor[] | undefined {
  if (!tf.getKernel(name, tf.getBackend())) return undefined;
  const out = tf.engine().runKernel(name, inputs, attrs as tf.NamedAttrMap);
  return Array.isArray(out) ? out : [out as tf.Tensor];
}
