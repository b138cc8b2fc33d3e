import { dispose } from '@blip2/tensor';
import type * as tf from '@tensorflow/tfjs';
import type { VitConfig } from './config.js';
import { vitForward, vitHiddenStates } from './forward.js';
import { frozen } from './frozen.js';
import { type VisionOptions, type VisionParams, type VisionSpec, vitSpec } from './spec.js';

/**
 * What a Q-Former needs of an image encoder; an object literal will do.
 * `encode` borrows the pixels [B,H,W,3] and returns features [B,N,width] that the caller owns.
 */
export interface VisionEncoder {
  readonly width: number;
  encode(pixels: tf.Tensor4D): tf.Tensor3D;
  dispose?(): void;
}

/** A frozen vision transformer with its parameters. */
export interface VitEncoder extends VisionEncoder, Disposable {
  readonly config: VitConfig;
  readonly spec: VisionSpec;
  readonly params: VisionParams;
  /** Every hidden state up to the one that `encode` gives. */
  encodeLayers(pixels: tf.Tensor4D): tf.Tensor3D[];
  dispose(): void;
}

/**
 * Binds parameters to an encoder that is frozen: nothing of its inside is put on the tape, even within a gradient.
 * The encoder takes the parameters over: `dispose` frees them.
 */
export function visionEncoder(params: VisionParams, config: VitConfig, options: VisionOptions = {}): VitEncoder {
  const free = (): void => dispose(params);
  return {
    width: config.hiddenSize,
    config,
    spec: vitSpec(config, options),
    params,
    encode: (pixels) => frozen((x) => vitForward(params, config, x, options), pixels),
    encodeLayers: (pixels) => vitHiddenStates(params, config, pixels, options),
    dispose: free,
    [Symbol.dispose]: free,
  };
}
