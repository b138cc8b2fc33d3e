import type { LoadedModel } from '@blip2/models';
import { queryPass } from '@blip2/qformer';
import { normFeatures } from '@blip2/training';
import * as tf from '@tensorflow/tfjs';

/** Maps over the patches of an image, row by row. */
export interface PatchMaps {
  readonly rows: number;
  readonly columns: number;
  /** [M,rows*columns] */
  readonly values: Float32Array;
}

export interface AttentionOptions {
  /** Which of the layers that look at the image, from 0; negative ones count from the last. Default: the mean of all. */
  readonly layer?: number | undefined;
}

/**
 * What each query looks at: its cross-attention over the patches, the mean of its heads, each map summing to one. What
 * stands before the patches (class and register tokens) is left out.
 * @param features of the image encoder, [1,N,D]
 * @throws for features that are no square grid, and for a layer that is not there
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
      throw new Error(`There is no layer ${layer} among the ${attention.length} that look at the image; count from 0.`);
    }
    return onlyPatches(tf.mean(tf.concat(chosen as tf.Tensor4D[], 1), 1)); // [1,Q,rows*columns]
  });
  try {
    return { ...sidesOf(features.shape[1]), values: (await maps.data()) as Float32Array };
  } finally {
    maps.dispose();
  }
}

/** Registers of DINOv2 and a class token are the most that stands before patches. */
const MOST_BEFORE = 5;

/** The grid of patches that N features are. @throws where they are no square one */
export function sidesOf(N: number): { readonly rows: number; readonly columns: number } {
  const side = Math.floor(Math.sqrt(N));
  if (side > 0 && N - side ** 2 <= MOST_BEFORE) return { rows: side, columns: side };
  throw new Error(`The image encoder gives ${N} features, which are no square grid of patches; this cannot be drawn.`);
}

/** Maps [B,Q,N] without what stands before the patches, each summing to one: [B,Q,rows*columns]. */
export function onlyPatches(maps: tf.Tensor): tf.Tensor {
  return tf.tidy(() => {
    const [B, Q, N] = maps.shape as [number, number, number];
    const { rows, columns } = sidesOf(N);
    const cells = rows * columns;
    const patches = tf.slice(maps, [0, 0, N - cells], [B, Q, cells]);
    return tf.divNoNan(patches, tf.sum(patches, -1, true));
  });
}
