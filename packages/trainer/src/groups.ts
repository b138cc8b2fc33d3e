import type { Shape } from '@blip2/tensor';

/** Decides by path and shape whether a tensor has weight decay. */
export type DecayRule = (path: string, shape: Shape) => boolean;

/**
 * The weight decay rule of LAVIS: all tensors but those of one axis and those whose name ends in `.bias`. Scalars (`temp`),
 * query tokens and embeddings have weight decay.
 */
export function lavisWeightDecay(path: string, shape: Shape): boolean {
  return shape.length !== 1 && !path.endsWith('.bias');
}

/** The common weight decay rule: tensors of two or more axes, except biases and layer norms. */
export function matrixWeightDecay(path: string, shape: Shape): boolean {
  return shape.length >= 2 && !path.endsWith('.bias') && !/layer_?norm/i.test(path);
}

/** Options of `layerwiseLrDecay`. */
export interface LayerwiseLrDecayOptions {
  /** Factor from one layer to the one below. */
  readonly decay: number;
  /** Number of blocks, N. */
  readonly blocks: number;
  /** Returns 0 for embeddings, k + 1 for block k, undefined for parameters outside the encoder. */
  readonly layerOf: (path: string) => number | undefined;
}

/**
 * Layer-wise learning rate decay (BEiT, Bao et al. 2021), for the option `lrScale` of `adamw`.
 * @returns a function from a path to `decay^(N + 1 - layer)` inside the encoder, and 1 outside
 */
export function layerwiseLrDecay({ decay, blocks, layerOf }: LayerwiseLrDecayOptions): (path: string) => number {
  return function layerwiseLrDecay(path) {
    const id = layerOf(path);
    return id === undefined ? 1 : decay ** (blocks + 1 - id);
  };
}
