import * as tf from '@tensorflow/tfjs';

interface Engine {
  readonly state: { readonly gradientDepth: number; readonly kernelDepth: number };
}

/**
 * Reports whether TensorFlow.js records ops for a gradient now. Where it does not, a kernel is run without the closures of a
 * gradient of its own, which cost more than a kernel over one row.
 */
export function isRecording(): boolean {
  const { gradientDepth, kernelDepth } = (tf.engine() as unknown as Engine).state;
  return gradientDepth > 0 && kernelDepth === 0;
}

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
