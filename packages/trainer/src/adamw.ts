import { type Flat, mapFlat, type Shape } from '@blip2/tensor';
import * as tf from '@tensorflow/tfjs';
import { type Leaf, type Numbers, updateLeaf } from './adamw-update.js';
import { type DecayRule, matrixWeightDecay } from './groups.js';
import type { Optimizer, OptimizerState, OptimizerUpdate } from './optimizer.js';

/** Options of `adamw`. */
export interface AdamWOptions {
  /** Decay rates of the moments. Default [0.9, 0.999], as in LAVIS; the paper has [0.9, 0.98]. */
  readonly betas?: readonly [number, number];
  /** Added to the denominator, outside the square root. Default 1e-8. */
  readonly epsilon?: number;
  /** Weight decay coefficient. Default 0.05. */
  readonly weightDecay?: number;
  /** Which tensors have weight decay. Default `matrixWeightDecay`; LAVIS has `lavisWeightDecay`. */
  readonly decayRule?: DecayRule;
  /** Multiplies the learning rate of a tensor, see `layerwiseLrDecay`. Default 1 for all. */
  readonly lrScale?: (path: string, shape: Shape) => number;
}

/**
 * Creates an AdamW optimizer (Loshchilov and Hutter 2019) with state by path: `p *= 1 - lr·wd`, then
 * `p -= lr · m̂ / (√v̂ + ε)`, both moments bias-corrected by the tensor's own number of updates.
 *
 * Where the backend has a kernel `AdamWUpdate`, it updates in place; tensors that share memory with a trainable one (its
 * clones and reshapes) then change too.
 * @throws for options out of range; `update` throws for a gradient without parameter or of another shape
 */
export function adamw(options: AdamWOptions = {}): Optimizer {
  const {
    betas = [0.9, 0.999],
    epsilon = 1e-8,
    weightDecay = 0.05,
    decayRule = matrixWeightDecay,
    lrScale = () => 1,
  } = options;
  const [beta1, beta2] = betas;
  check({ beta1, beta2, epsilon, weightDecay });
  return {
    settings: { name: 'adamw', beta1, beta2, epsilon, weightDecay, decayRule: decayRule.name, lrScale: lrScale.name },
    init: (trainable) => ({ m: zeros(trainable), v: zeros(trainable), updates: mapCounts(trainable) }),
    update(trainable, grads, state, { lr, gradScale = 1, factor }): OptimizerUpdate {
      const updated = {
        trainable: { ...trainable },
        m: { ...state.m },
        v: { ...state.v },
        updates: { ...state.updates },
      };
      for (const [path, leaf] of leaves(trainable, grads, state)) {
        const step = (state.updates[path] ?? 0) + 1;
        const { shape } = leaf.param;
        const numbers: Numbers = {
          lr: lr * lrScale(path, shape),
          beta1,
          beta2,
          epsilon,
          step,
          gradScale,
          weightDecay: 0,
        };
        const next = updateLeaf({ ...leaf, factor }, decayRule(path, shape) ? { ...numbers, weightDecay } : numbers);
        updated.trainable[path] = next.param;
        updated.m[path] = next.m;
        updated.v[path] = next.v;
        updated.updates[path] = step;
      }
      return { trainable: updated.trainable, state: { m: updated.m, v: updated.v, updates: updated.updates } };
    },
  };
}

const zeros = (trainable: Flat): Flat => mapFlat(trainable, (tensor) => tf.keep(tf.zeros(tensor.shape)));

const mapCounts = (trainable: Flat): Record<string, number> =>
  Object.fromEntries(Object.keys(trainable).map((path) => [path, 0]));

/** Collects the tensors of a step, all checked before anything is changed. */
function leaves(trainable: Flat, grads: Flat, { m, v }: OptimizerState): [path: string, leaf: Leaf][] {
  return Object.entries(grads).map(([path, grad]) => {
    const leaf = { param: trainable[path], grad, m: m[path], v: v[path] };
    for (const [role, tensor] of Object.entries(leaf)) {
      if (!tensor) throw new Error(`There is a gradient for '${path}' but no ${role}; call init with the same tree.`);
      if (!tf.util.arraysEqual(tensor.shape, grad.shape)) {
        throw new Error(`The gradient of '${path}' is [${grad.shape}] but its ${role} is [${tensor.shape}].`);
      }
    }
    return [path, leaf as Leaf];
  });
}

function check({ beta1, beta2, epsilon, weightDecay }: Record<'beta1' | 'beta2' | 'epsilon' | 'weightDecay', number>) {
  const right = beta1 >= 0 && beta1 < 1 && beta2 >= 0 && beta2 < 1 && epsilon > 0 && weightDecay >= 0;
  if (right) return;
  throw new Error(
    `AdamW needs betas in [0,1), epsilon > 0 and weightDecay >= 0, not [${beta1},${beta2}], ${epsilon} and ${weightDecay}.`,
  );
}
