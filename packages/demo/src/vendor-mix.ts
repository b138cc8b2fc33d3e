import { hash, rng } from '@blip2/tensor';
import type { FeatureStore } from '@blip2/training';
import * as tf from '@tensorflow/tfjs';

/** Options of `vendorMix`. */
export interface VendorMixOptions {
  /** The same images as drawn by other vendors: image i here shows what image i there does, at the same places. */
  readonly others: FeatureStore;
  /** How far beyond either of the two: weights are from `-reach` to `1 + reach`. */
  readonly reach: number;
  readonly seed: number;
}

/**
 * Mixes the features of half of the images linearly with those of another vendor's drawings of the same, `f + w (g - f)` (manifold
 * mixup within a class, and beyond it: Verma et al. 2019, arXiv 1806.05236; DeVries and Taylor 2017, arXiv 1702.05538): a
 * vendor that was never seen differs from one that was as vendors differ. Equal indices give equal features, so that a run
 * can be resumed.
 */
export function vendorMix(features: FeatureStore, { others, reach, seed }: VendorMixOptions): FeatureStore {
  return {
    length: features.length,
    async gather(indices) {
      const random = rng(hash(seed, `vendor mix ${indices.join()}`));
      const weights = indices.map(() => (random() < 0.5 ? 0 : (1 + 2 * reach) * random() - reach));
      const own = await features.gather(indices);
      try {
        const other = await others.gather(indices);
        try {
          return tf.tidy(() => {
            const weight = tf.tensor3d(weights, [indices.length, 1, 1]);
            return tf.add(own, tf.mul(tf.sub(other, own), weight)) as tf.Tensor3D;
          });
        } finally {
          other.dispose();
        }
      } finally {
        own.dispose();
      }
    },
    async close() {
      await features.close();
      await others.close();
    },
  };
}

/** The same images in another order: image i is `at(i)` of the given ones, which `close` leaves open. */
export const reordered = (features: FeatureStore, at: (index: number) => number): FeatureStore => ({
  length: features.length,
  gather: (indices) => features.gather(indices.map(at)),
  close: async () => {},
});
