import * as tf from '@tensorflow/tfjs';

type Named = Record<string, tf.Tensor>;

/** A scope of memory, as `tf.tidy` opens one. */
interface Scope {
  readonly id: number;
  track: tf.Tensor[];
}
interface Engine {
  readonly state: { readonly activeScope: Scope | null };
  runKernelFunc(call: {
    forwardFunc: (backend: tf.KernelBackend, save: (tensors: tf.Tensor[]) => void) => tf.Tensor;
    backwardsFunc: (dy: tf.Tensor, saved: tf.Tensor[]) => Record<string, () => tf.Tensor>;
    inputs: Named;
  }): tf.Tensor;
}
const engine = (): Engine => tf.engine() as unknown as Engine;

/**
 * Defines a custom gradient like `tf.customGrad`, but of named inputs, and computed when the first of them is asked for. As they
 * are asked for in their order, and frozen ones are not, those before the first need not be computed.
 * @param inputs differentiable inputs by name
 * @param constants other tensors that the gradient reads, by name
 * @param f.backward the gradients by the names of the inputs, from `first` on
 */
export function lazyGrad(
  inputs: Named,
  constants: Named,
  f: {
    readonly forward: () => tf.Tensor;
    readonly backward: (dy: tf.Tensor, saved: Named, first: string) => Record<string, tf.Tensor | undefined>;
  },
): tf.Tensor {
  const all = { ...inputs, ...constants };
  return engine().runKernelFunc({
    inputs,
    forwardFunc: (_, save) => {
      save(Object.values(all));
      return f.forward();
    },
    backwardsFunc: (dy, tensors) => {
      const saved = Object.fromEntries(Object.keys(all).map((name, i) => [name, tensors[i] as tf.Tensor]));
      const scope = engine().state.activeScope;
      let gradients: Record<string, tf.Tensor | undefined> | undefined;
      const gradient = (name: string): tf.Tensor => {
        if (!gradients?.[name]) {
          gradients = f.backward(dy, saved, name);
          moveTo(scope, Object.values(gradients));
        }
        return gradients[name] as tf.Tensor;
      };
      return Object.fromEntries(Object.keys(inputs).map((name) => [name, () => gradient(name)]));
    },
  });
}

/** Moves tensors of the current scope to one around it: TensorFlow.js asks for each gradient in a scope of its own. */
function moveTo(scope: Scope | null, tensors: readonly (tf.Tensor | undefined)[]): void {
  const { activeScope } = engine().state;
  if (!scope || !activeScope || activeScope === scope) return;
  const moved = new Set(tensors);
  activeScope.track = activeScope.track.filter((tensor) => !moved.has(tensor));
  for (const tensor of tensors) {
    if (!tensor) continue;
    tensor.scopeId = scope.id;
    scope.track.push(tensor);
  }
}
