import * as tf from '@tensorflow/tfjs';

type Named = Record<string, tf.Tensor>;

/** The gradients of `lazyGrad`'s inputs; functions are called only where the gradient is needed. */
type Gradients = Record<string, tf.Tensor | (() => tf.Tensor)>;

interface Engine {
  runKernelFunc(call: {
    forwardFunc: (backend: tf.KernelBackend, save: (tensors: tf.Tensor[]) => void) => tf.Tensor;
    backwardsFunc: (dy: tf.Tensor, saved: tf.Tensor[]) => Record<string, () => tf.Tensor>;
    inputs: Named;
  }): tf.Tensor;
}

/**
 * Defines a custom gradient like `tf.customGrad`, but with gradients that may be functions, so that those of frozen inputs are
 * not computed.
 * @param inputs differentiable inputs by name
 * @param constants other tensors that the gradient reads, by name
 */
export function lazyGrad(
  inputs: Named,
  constants: Named,
  { forward, backward }: { forward: () => tf.Tensor; backward: (dy: tf.Tensor, saved: Named) => Gradients },
): tf.Tensor {
  const all = { ...inputs, ...constants };
  return (tf.engine() as unknown as Engine).runKernelFunc({
    inputs,
    forwardFunc: (_, save) => {
      save(Object.values(all));
      return forward();
    },
    backwardsFunc: (dy, tensors) => {
      const saved = Object.fromEntries(Object.keys(all).map((name, i) => [name, tensors[i] as tf.Tensor]));
      const gradients = Object.entries(backward(dy, saved));
      return Object.fromEntries(gradients.map(([name, x]) => [name, typeof x === 'function' ? x : () => x]));
    },
  });
}
