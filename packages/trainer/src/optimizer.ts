import type { Flat } from '@blip2/tensor';
import type * as tf from '@tensorflow/tfjs';

/** What an optimizer remembers, by path. Its tensors belong to whoever called `init`. */
export interface OptimizerState {
  /** Running mean of the gradients. */
  readonly m: Flat;
  /** Running mean of their squares. */
  readonly v: Flat;
  /** How many updates each tensor has had: a tensor that a step does not touch keeps its own count. */
  readonly updates: Readonly<Record<string, number>>;
}

export interface UpdateOptions {
  readonly lr: number;
  /** The gradients are multiplied by it first, as by 1 / n after summing n of them. */
  readonly gradScale?: number;
  /** The same as a tensor, which is not read back: what clipping gives. */
  readonly factor?: tf.Scalar | undefined;
}

export interface Updated {
  readonly trainable: Flat;
  readonly state: OptimizerState;
}

/** A pair of functions over flat trees. */
export interface Optimizer {
  /** Its numbers, for a checkpoint to compare. */
  readonly settings: Readonly<Record<string, number | string>>;
  init(trainable: Flat): OptimizerState;
  /**
   * One step. Takes over the tensors of `trainable` and `state` and returns those that now count: the same ones written
   * in place, or new ones with the old ones freed. Only the returned ones may be used afterwards. `grads` is borrowed;
   * a path it lacks is left as it is.
   */
  update(trainable: Flat, grads: Flat, state: OptimizerState, options: UpdateOptions): Updated;
}
