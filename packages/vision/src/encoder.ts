import { dispose, type Tree } from '@blip2/tensor';
import * as tf from '@tensorflow/tfjs';
import type { VitConfig } from './config.js';
import { vitForward, vitHiddenStates } from './forward.js';
import { frozen } from './frozen.js';
import { type VisionOptions, type VisionParams, type VisionSpec, vitSpec } from './spec.js';

/**
 * A frozen image encoder: what BLIP-2 needs of one. Any object of this shape will do, computing with TensorFlow.js or with
 * any other engine; it is called through `encodePixels`.
 */
export interface VisionEncoder {
  /** D, the width of a feature vector. */
  readonly width: number;
  /**
   * Encodes pixels [B,H,W,3], normalized as the encoder wants them, as features [B,N,D]. The pixels are borrowed, until the
   * promise settles where there is one; the caller owns the features. Tensors that an asynchronous encoder creates it
   * disposes itself; those of a synchronous one are disposed by `encodePixels`.
   */
  encode(pixels: tf.Tensor4D): tf.Tensor3D | Promise<tf.Tensor3D>;
  /** Frees the encoder's weights. */
  dispose?(): void;
}

/** Options of a differentiable forward pass. */
export interface ForwardOptions {
  /** Whether dropout and the like are on. Default false. */
  readonly training?: boolean;
  /** Seed of everything that is random in training. Default 0. */
  readonly seed?: number;
}

/** An image encoder that can be fine-tuned: its parameters as a tree, and a forward pass that has a gradient. */
export interface TrainableVisionEncoder<P extends Tree = Tree> {
  /** D, the width of a feature vector. */
  readonly width: number;
  /** Parameters by their names in checkpoints; `flatten` of `@blip2/tensor` gives them by path, as an optimizer takes them. */
  readonly params: P;
  /**
   * Encodes normalized pixels [B,H,W,3] as features [B,N,D] with the parameters that are given; synchronous, and
   * differentiable by the parameters and by the pixels. All inputs are borrowed, and the caller owns the features.
   */
  forward(params: P, pixels: tf.Tensor4D, options?: ForwardOptions): tf.Tensor3D;
}

/** A vision transformer with its parameters: frozen through `encode`, differentiable through `forward`. */
export interface VitEncoder extends VisionEncoder, TrainableVisionEncoder<VisionParams>, Disposable {
  readonly config: VitConfig;
  readonly spec: VisionSpec;
  /** Encodes pixels [B,H,W,3] as features [B,N,D] without a gradient. */
  encode(pixels: tf.Tensor4D): tf.Tensor3D;
  /** Gives every hidden state [B,N,D] up to the one that `encode` gives; the caller owns them. */
  encodeLayers(pixels: tf.Tensor4D): tf.Tensor3D[];
  dispose(): void;
}

/**
 * Binds parameters to a vision transformer. It owns the parameters: `dispose` frees them. `encode` is frozen: none of its
 * intermediates is put on the tape, even within a gradient. A vision transformer has no dropout, so `forward` computes the
 * same in training.
 */
export function visionEncoder(params: VisionParams, config: VitConfig, options: VisionOptions = {}): VitEncoder {
  const free = (): void => dispose(params);
  const forward = (p: VisionParams, pixels: tf.Tensor4D): tf.Tensor3D => vitForward(p, config, pixels, options);
  return {
    width: config.hiddenSize,
    config,
    spec: vitSpec(config, options),
    params,
    forward,
    encode: (pixels) => frozen((x) => forward(params, x), pixels),
    encodeLayers: (pixels) => vitHiddenStates(params, config, pixels, options),
    dispose: free,
    [Symbol.dispose]: free,
  };
}

/**
 * Encodes pixels [B,H,W,3] with any encoder, synchronous or not, as features [B,N,D] that the caller owns. It must be called
 * outside `tf.tidy`, which disposes what is still awaited.
 * @throws for features of another shape than [B,N,width]
 */
export async function encodePixels(encoder: VisionEncoder, pixels: tf.Tensor4D): Promise<tf.Tensor3D> {
  const features = await encodeInScope(encoder, pixels);
  const [B, , D] = features.shape;
  if (features.rank === 3 && B === pixels.shape[0] && D === encoder.width) return features;
  const { shape } = features;
  features.dispose();
  throw new Error(
    `The image encoder gave features [${shape}] for ${pixels.shape[0]} images; encode must give [B,N,${encoder.width}].`,
  );
}

/** Disposes all that a synchronous encoder leaves besides its features; what a promise may still need stays. */
function encodeInScope(encoder: VisionEncoder, pixels: tf.Tensor4D): tf.Tensor3D | Promise<tf.Tensor3D> {
  const engine = tf.engine();
  let kept: tf.TensorContainer = [];
  engine.startScope('encodePixels');
  try {
    const features = encoder.encode(pixels);
    kept = 'then' in features ? [...engine.state.activeScope.track] : features;
    return features;
  } finally {
    engine.endScope(kept);
  }
}
