import type * as tf from '@tensorflow/tfjs';

/** Collective operations of processes that train together. Inputs stay the caller's, who owns the results too. */
export interface Communicator {
  /** Index of this process, from 0. */
  readonly rank: number;
  /** Number of processes. */
  readonly size: number;
  /** Concatenates the tensors of all processes along the first axis, by rank: [B,...] -> [size·B,...]. */
  allGather(x: tf.Tensor): Promise<tf.Tensor>;
  /** Sums a tensor over all processes. */
  allReduce(x: tf.Tensor): Promise<tf.Tensor>;
}

/** The communicator of a single process, whose operations return copies. */
export const singleProcess: Communicator = {
  rank: 0,
  size: 1,
  allGather: async (x) => x.clone(),
  allReduce: async (x) => x.clone(),
};
