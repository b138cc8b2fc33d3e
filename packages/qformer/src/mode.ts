import { dropout, hash } from '@blip2/tensor';
import type * as tf from '@tensorflow/tfjs';

/** Whether dropout is on, and what it is drawn from. Each place in the network has a seed derived from its name. */
export interface Mode {
  readonly training: boolean;
  readonly seed: number;
}

export interface PassOptions {
  /** Dropout is on. Default false. */
  training?: boolean;
  /** Says what is dropped. Default 0. */
  seed?: number;
}

export const modeOf = ({ training = false, seed = 0 }: PassOptions, pass: string): Mode =>
  inside({ training, seed }, pass);

export const inside = ({ training, seed }: Mode, name: string): Mode => ({
  training,
  seed: training ? hash(seed, name) : seed,
});

export const drop = (x: tf.Tensor, rate: number, mode: Mode): tf.Tensor => dropout(x, rate, mode);
