import type * as tf from '@tensorflow/tfjs';

/**
 * Collective operations of processes that train together: each calls the same ones in the same order. Tensors are float32 or
 * int32. Inputs stay the caller's, who owns the results too.
 */
export interface Communicator {
  /** Index of this process, from 0. */
  readonly rank: number;
  /** Number of processes. */
  readonly size: number;
  /** Concatenates the tensors of all processes, of equal shapes, along the first axis, by rank: [B,...] -> [size·B,...]. */
  allGather(x: tf.Tensor): Promise<tf.Tensor>;
  /** Sums a tensor over all processes. */
  allReduce(x: tf.Tensor): Promise<tf.Tensor>;
  /** Gives every process the values of process 0; the others give a tensor of the same shape and type. */
  broadcast(x: tf.Tensor): Promise<tf.Tensor>;
  /** Waits for all processes. @param patient wait without a time limit, for processes that do other work first */
  barrier(patient?: boolean): Promise<void>;
  /**
   * Starts to sum values over all processes in place, and returns at once: `train` then reduces gradients while others are
   * still computed. Where absent, they are reduced afterwards by `allReduce`.
   */
  startAllReduce?(values: Float32Array): Reduction;
}

/** A sum over all processes that is under way. */
export interface Reduction {
  /** Lets the sum progress, without waiting. */
  progress(): void;
  /** Waits until the values are the sums. */
  done(): Promise<void>;
}

/** The communicator of a single process, whose operations return copies. */
export const singleProcess: Communicator = {
  rank: 0,
  size: 1,
  allGather: async (x) => x.clone(),
  allReduce: async (x) => x.clone(),
  broadcast: async (x) => x.clone(),
  barrier: async () => {},
};
