import { dropout, hash } from '@blip2/tensor';
import type * as tf from '@tensorflow/tfjs';

/** Whether dropout is on, and its seed; each place in the network derives its own from its name. */
export interface Mode {
  readonly training: boolean;
  readonly seed: number;
  readonly recompute?: boolean;
}

/** Options of every pass of a Q-Former. */
export interface PassOptions {
  /** Whether dropout is on. Default false. */
  training?: boolean;
  /** Seed of dropout. Default 0. */
  seed?: number;
  /** Recompute the activations of each layer in the backward pass: less memory, more time. Default false. */
  recompute?: boolean;
}

export const modeOf = ({ training = false, seed = 0, recompute = false }: PassOptions, pass: string): Mode =>
  inside({ training, seed, recompute }, pass);

export const inside = (mode: Mode, name: string): Mode => ({
  ...mode,
  seed: mode.training ? hash(mode.seed, name) : mode.seed,
});

export const drop = (x: tf.Tensor, rate: number, mode: Mode): tf.Tensor => dropout(x, rate, mode);
