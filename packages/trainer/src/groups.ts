import type { Shape } from '@blip2/tensor';

/** Says whether a tensor is decayed, by its path and shape. */
export type DecayRule = (path: string, shape: Shape) => boolean;

/**
 * The rule of the released recipes: no decay where there is one axis or the name ends in `.bias`. Scalars (`temp`),
 * query tokens and embeddings are decayed.
 */
export function lavisWeightDecay(path: string, shape: Shape): boolean {
  return shape.length !== 1 && !path.endsWith('.bias');
}

/** The usual rule: no decay for fewer than two axes, biases and layer norms. */
export function matrixWeightDecay(path: string, shape: Shape): boolean {
  return shape.length >= 2 && !path.endsWith('.bias') && !/layer_?norm/i.test(path);
}

export interface LayerScaleOptions {
  readonly decay: number;
  /** Number of blocks, N. */
  readonly blocks: number;
  /** 0 for embeddings, k + 1 for block k, undefined for what is outside the encoder. */
  readonly layerOf: (path: string) => number | undefined;
}

/** Layer-wise learning rates: `decay^(N + 1 - id)` inside the encoder, 1 outside; for `adamw`'s `lrScale`. */
export function layerScale({ decay, blocks, layerOf }: LayerScaleOptions): (path: string) => number {
  return function layerScale(path) {
    const id = layerOf(path);
    return id === undefined ? 1 : decay ** (blocks + 1 - id);
  };
}
