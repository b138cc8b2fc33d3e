import type { Flat } from '@blip2/tensor';
import type * as tf from '@tensorflow/tfjs';

/** The state of an optimizer by path; the caller of `init` owns its tensors. */
export interface OptimizerState {
  /** Running mean of the gradients. */
  readonly m: Flat;
  /** Running mean of their squares. */
  readonly v: Flat;
  /** Number of updates of each tensor; one without gradient in a step keeps its count. */
  readonly updates: Readonly<Record<string, number>>;
}

/** Options of one optimizer update. */
export interface UpdateOptions {
  /** Learning rate. */
  readonly lr: number;
  /** Multiplies the gradients, as 1 / n after summing those of n batches. Default 1. */
  readonly gradScale?: number;
  /** Multiplies the gradients too: a scalar that stays on the device, as `clipFactor` returns it. */
  readonly factor?: tf.Scalar | undefined;
}

/** Parameters and state after an update. */
export interface OptimizerUpdate {
  readonly trainable: Flat;
  readonly state: OptimizerState;
}

/** An optimizer: a pair of functions over flat trees. */
export interface Optimizer {
  /** Hyperparameters, which a checkpoint compares on resume. */
  readonly settings: Readonly<Record<string, number | string>>;
  /** Creates the state before the first update. */
  init(trainable: Flat): OptimizerState;
  /**
   * Makes one update. Takes ownership of the tensors of `trainable` and `state`, and returns those that replace them: updated
   * in place, or new ones with the old ones freed. Only the returned ones may be used afterwards. `grads` stays the
   * caller's; parameters without a gradient are not changed.
   */
  update(trainable: Flat, grads: Flat, state: OptimizerState, options: UpdateOptions): OptimizerUpdate;
}
