import * as tf from '@tensorflow/tfjs';

/**
 * Runs the kernel that the running backend has registered under `name`.
 * @returns undefined when it has none: the caller then composes the op from others.
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
