import { hash, rng } from '@blip2/tensor';
import type { FeatureStore } from '@blip2/training';
import * as tf from '@tensorflow/tfjs';

/** Options of `featureDropout`. */
export interface FeatureDropoutOptions {
  /** Probability with which a channel of an image is zeroed, at all its positions. */
  readonly rate: number;
  readonly seed: number;
}

/**
 * Zeroes channels of an image's features at random and scales the others by `1 / (1 - rate)`, as spatial dropout does
 * (Tompson et al. 2015, arXiv 1411.4280). A frozen encoder tells the drawings that it was trained on better apart than others;
 * with fewer channels a Q-Former relies less on that. Equal indices give equal features, so that a run can be resumed.
 */
export function featureDropout(features: FeatureStore, { rate, seed }: FeatureDropoutOptions): FeatureStore {
  return {
    length: features.length,
    async gather(indices) {
      const whole = await features.gather(indices);
      const [B, , D] = whole.shape;
      const random = rng(hash(seed, `feature dropout ${indices.join()}`));
      const kept = Float32Array.from({ length: B * D }, () => (random() < rate ? 0 : 1 / (1 - rate)));
      try {
        return tf.tidy(() => tf.mul(whole, tf.tensor3d(kept, [B, 1, D])) as tf.Tensor3D);
      } finally {
        whole.dispose();
      }
    },
    close: () => features.close(),
  };
}
