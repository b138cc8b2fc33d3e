import { additiveMask } from '@blip2/attention';
import { hash, rmsNorm } from '@blip2/tensor';
import * as tf from '@tensorflow/tfjs';
import { throughLayers } from '../layers.js';
import type { T5Config } from './config.js';
import { positionBias } from './position-bias.js';
import type { T5Params } from './spec.js';
import { dropped, feedForward, selfAttention } from './sublayers.js';

/** Input of `t5Encode`. */
export interface T5EncoderInput {
  /** Token embeddings or vectors in their place, [B,L,W]. */
  readonly embeddings: tf.Tensor;
  /** Attention mask [B,L]. Default: all ones. */
  readonly mask?: tf.Tensor | undefined;
  /** Seed of dropout. Default: no dropout. */
  readonly dropoutSeed?: number | undefined;
}

/** Lower than any score, yet finite: a row that attends to nothing must not become NaN. */
export const PADDED = -1e9;

/**
 * Runs the encoder of T5 (Raffel et al. 2020): pre-norm blocks with bidirectional self-attention and relative positions.
 * @returns hidden states after the final norm, [B,L,W]
 */
export function t5Encode(p: T5Params, config: T5Config, input: T5EncoderInput): tf.Tensor3D {
  const { embeddings, mask, dropoutSeed } = input;
  const [B, L, W] = embeddings.shape as [number, number, number];
  if (embeddings.rank !== 3 || W !== config.hiddenSize) {
    throw new Error(`T5 needs embeddings [B,L,${config.hiddenSize}], not [${embeddings.shape}].`);
  }
  if (mask && mask.shape.join() !== [B, L].join()) {
    throw new Error(`T5 needs a mask [${B},${L}] of what its encoder reads, not [${mask.shape}].`);
  }
  const seedOf = (name: string): number | undefined =>
    dropoutSeed === undefined ? undefined : hash(dropoutSeed, `encoder.${name}`);
  return tf.tidy(() => {
    const seed = seedOf('ends');
    const bias = positionBias(p, config, 'encoder', L); // [1,H,L,L]
    const additive = mask && additiveMask(mask, PADDED); // [B,1,1,L]
    const read = dropped(embeddings, { config, seed }, 'input'); // [B,L,W]
    const x = throughLayers(p.encoder.block, read, ({ layer }, x, i) => {
      const common = { config, bias, mask: additive, causal: false };
      const attended = selfAttention(layer[0], { ...common, x, seed: seedOf(`${i}.0`) });
      return feedForward(layer[1], { config, x: attended, seed: seedOf(`${i}.1`) });
    });
    const normed = rmsNorm(p.encoder.final_layer_norm, x, config.epsilon);
    return dropped(normed, { config, seed }, 'output') as tf.Tensor3D; // [B,L,W]
  });
}
