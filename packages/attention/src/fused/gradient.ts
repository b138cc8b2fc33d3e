import * as tf from '@tensorflow/tfjs';

type Named = Record<string, tf.Tensor>;

/** The gradients by the inputs of `lazyGrad`; those that are functions are called only where they are asked for. */
type Gradients = Record<string, tf.Tensor | (() => tf.Tensor)>;

interface Engine {
  runKernelFunc(call: {
    forwardFunc: (backend: tf.KernelBackend, save: (tensors: tf.Tensor[]) => void) => tf.Tensor;
    backwardsFunc: (dy: tf.Tensor, saved: tf.Tensor[]) => Record<string, () => tf.Tensor>;
    inputs: Named;
  }): tf.Tensor;
}

/**
 * `tf.customGrad` whose gradients may be functions. That one, which makes the same call, wants them all computed: also that
 * of a bias that belongs to a frozen model.
 * @param inputs what may be differentiated, by name
 * @param constants what the gradient reads too
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
