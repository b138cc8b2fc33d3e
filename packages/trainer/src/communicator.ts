import type * as tf from '@tensorflow/tfjs';

/** How processes that train together exchange tensors. Both functions borrow their input and return an owned result. */
export interface Communicator {
  readonly rank: number;
  readonly size: number;
  /** The tensors of all processes, joined along the first axis in the order of their ranks: [B,...] -> [size·B,...]. */
  allGather(x: tf.Tensor): Promise<tf.Tensor>;
  /** The sum over all processes. */
  allReduce(x: tf.Tensor): Promise<tf.Tensor>;
}

/** A single process. */
export const singleProcess: Communicator = {
  rank: 0,
  size: 1,
  allGather: async (x) => x.clone(),
  allReduce: async (x) => x.clone(),
};
