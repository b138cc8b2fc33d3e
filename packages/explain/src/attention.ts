import type { LoadedModel } from '@blip2/models';
import { queryPass } from '@blip2/qformer';
import { normFeatures } from '@blip2/training';
import * as tf from '@tensorflow/tfjs';

/** Maps over the square grid of an image's patches, in row-major order. */
export interface PatchMaps {
  /** Patches from top to bottom. */
  readonly rows: number;
  /** Patches from left to right. */
  readonly columns: number;
  /** The values of one map after the other, [M,rows*columns]; each map sums to one. */
  readonly values: Float32Array;
}

/** Options of {@link queryAttention}. */
export interface AttentionOptions {
  /** Index of one of the layers with cross-attention, from 0; negative ones count from the last. Default: the mean of all. */
  readonly layer?: number | undefined;
}

/**
 * Computes the cross-attention of each query over the patches of an image: the softmax weights, averaged over the heads
 * and over the layers with cross-attention. Weights of features that precede the patches (class and register tokens) are
 * left out, and each map is normalized to sum to one.
 * @param features of the image encoder, [1,N,D]
 * @returns one map a query, [Q,rows*columns]
 * @throws for features that are no square grid of patches, and for a layer that does not exist
 */
export async function queryAttention(
  { params, config }: Pick<LoadedModel, 'params' | 'config'>,
  features: tf.Tensor3D,
  { layer }: AttentionOptions = {},
): Promise<PatchMaps> {
  const maps = tf.tidy(() => {
    const { attention } = queryPass(params, config, normFeatures(params, features), { attentionMaps: true });
    const chosen = layer === undefined ? attention : [attention.at(layer)];
    if (chosen[0] === undefined) {
      throw new Error(`There is no cross-attention layer ${layer}; the model has ${attention.length}, counted from 0.`);
    }
    return onlyPatches(tf.mean(tf.concat(chosen as tf.Tensor4D[], 1), 1)); // [1,Q,rows*columns]
  });
  try {
    return { ...sidesOf(features.shape[1]), values: (await maps.data()) as Float32Array };
  } finally {
    maps.dispose();
  }
}

/** Most features that precede the patches: a class token and the four register tokens of DINOv2. */
const MAX_PREFIX = 5;

/** The square grid of patches that N features hold. @throws where there is none */
export function sidesOf(N: number): { readonly rows: number; readonly columns: number } {
  const side = Math.floor(Math.sqrt(N));
  if (side > 0 && N - side ** 2 <= MAX_PREFIX) return { rows: side, columns: side };
  throw new Error(
    `The image encoder gives ${N} features, which are no square grid of patches; use an encoder of square images.`,
  );
}

/** Maps [B,Q,N] without the features that precede the patches, each normalized to sum to one: [B,Q,rows*columns]. */
export function onlyPatches(maps: tf.Tensor): tf.Tensor {
  return tf.tidy(() => {
    const [B, Q, N] = maps.shape as [number, number, number];
    const { rows, columns } = sidesOf(N);
    const cells = rows * columns;
    const patches = tf.slice(maps, [0, 0, N - cells], [B, Q, cells]);
    return tf.divNoNan(patches, tf.sum(patches, -1, true));
  });
}
