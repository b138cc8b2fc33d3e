import type { Flat } from '@blip2/tensor';

/** The position of a run. Batches and random numbers are functions of it, so that a resumed run repeats them. */
export interface Position {
  /** Index of the update, from 0. */
  readonly step: number;
  /** Index of the batch, from 0: `step * accumulationSteps` and so on. */
  readonly position: number;
  /** A seed that differs for each position, for dropout, negatives and random crops. */
  readonly seed: number;
}

/** The argument of a loss function. */
export interface LossInput<B> extends Position {
  /** The current tensors by path. Updates may replace them: take them from here, and keep no reference. */
  readonly trainable: Flat;
  readonly batch: B;
}
