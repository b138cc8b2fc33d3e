import { dropout, hash } from '@blip2/tensor';
import type * as tf from '@tensorflow/tfjs';

/** Whether dropout is on, and what it is drawn from. Each place in the network has a seed derived from its name. */
export interface Mode {
  readonly training: boolean;
  readonly seed: number;
  readonly recompute?: boolean;
}

export interface PassOptions {
  /** Dropout is on. Default false. */
  training?: boolean;
  /** Says what is dropped. Default 0. */
  seed?: number;
  /** Of each layer the inputs alone are kept for the gradient, which runs the layer again: less memory, more work. Default false. */
  recompute?: boolean;
}

export const modeOf = ({ training = false, seed = 0, recompute = false }: PassOptions, pass: string): Mode =>
  inside({ training, seed, recompute }, pass);

export const inside = (mode: Mode, name: string): Mode => ({
  ...mode,
  seed: mode.training ? hash(mode.seed, name) : mode.seed,
});

export const drop = (x: tf.Tensor, rate: number, mode: Mode): tf.Tensor => dropout(x, rate, mode);
