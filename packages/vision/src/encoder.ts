import { dispose } from '@blip2/tensor';
import * as tf from '@tensorflow/tfjs';
import type { VisionConfig } from './config.js';
import { vitForward, vitHiddenStates } from './forward.js';
import { type VisionOptions, type VisionParams, type VisionSpec, visionSpec } from './spec.js';

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
  readonly config: VisionConfig;
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
export function visionEncoder(params: VisionParams, config: VisionConfig, options: VisionOptions = {}): VitEncoder {
  const free = (): void => dispose(params);
  return {
    width: config.hiddenSize,
    config,
    spec: visionSpec(config, options),
    params,
    encode: (pixels) => frozen((x) => vitForward(params, config, x, options), pixels),
    encodeLayers: (pixels) => vitHiddenStates(params, config, pixels, options),
    dispose: free,
    [Symbol.dispose]: free,
  };
}

/** Runs `encode` as one op without a gradient, so that the tape holds none of its intermediates. */
function frozen(encode: (pixels: tf.Tensor4D) => tf.Tensor3D, pixels: tf.Tensor4D): tf.Tensor3D {
  return tf.customGrad((...args) => {
    const [x] = args as [tf.Tensor4D];
    const gradFunc = (): tf.Tensor => {
      throw new Error('A frozen vision encoder has no gradient by its pixels; differentiate vitForward instead.');
    };
    return { value: encode(x), gradFunc };
  })(pixels) as tf.Tensor3D;
}
