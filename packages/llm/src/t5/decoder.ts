import type { KeyValueCache } from '@blip2/attention';
import { hash, rmsNorm } from '@blip2/tensor';
import * as tf from '@tensorflow/tfjs';
import { throughLayers } from '../layers.js';
import type { T5Config } from './config.js';
import type { T5Params } from './spec.js';
import { crossAttention, crossKeys, dropped, feedForward, selfAttention, type T5CrossKeys } from './sublayers.js';

/** Computes the keys and values of cross-attention for each layer of the decoder: the encoder's output [I,E,W] -> [I,E,HK]. */
export const t5CrossKeys = (p: T5Params, encoded: tf.Tensor): T5CrossKeys[] =>
  p.decoder.block.map(({ layer }) => crossKeys(layer[1].EncDecAttention, encoded));

/** Input of `t5Decode`. */
export interface T5DecoderInput {
  /** Token embeddings, [B,L,W]. */
  readonly embeddings: tf.Tensor;
  /** Keys and values of cross-attention for each layer, from `t5CrossKeys`. */
  readonly encoded: readonly T5CrossKeys[];
  /** int32 [B]: which of the I encoded prompts each row attends to. Default: row b to prompt b. */
  readonly rows?: tf.Tensor1D | undefined;
  /** Additive mask of the encoded prompts, [B,1,1,E]. */
  readonly mask?: tf.Tensor | undefined;
  /** Relative position bias of the L new columns, [1,H,L,P+L]; see `positionBias`. */
  readonly bias: tf.Tensor;
  /** The key-value cache of each layer with the P past columns; the L new columns are appended. Default: none. */
  readonly memory?: readonly KeyValueCache[] | undefined;
  /** Seed of dropout. Default: no dropout. */
  readonly dropoutSeed?: number | undefined;
}

/**
 * Runs the decoder of T5 (Raffel et al. 2020): pre-norm blocks with causal self-attention and cross-attention to the encoder.
 * @returns hidden states after the final norm, [B,L,W]
 */
export function t5Decode(p: T5Params, config: T5Config, input: T5DecoderInput): tf.Tensor3D {
  const { embeddings, encoded, rows, mask, bias, memory, dropoutSeed } = input;
  const seedOf = (name: string): number | undefined =>
    dropoutSeed === undefined ? undefined : hash(dropoutSeed, `decoder.${name}`);
  return tf.tidy(() => {
    const seed = seedOf('ends');
    const read = dropped(embeddings, { config, seed }, 'input'); // [B,L,W]
    const x = throughLayers(p.decoder.block, read, ({ layer }, x, i) => {
      const self = { config, x, bias, causal: true, memory: memory?.[i], seed: seedOf(`${i}.0`) };
      const attended = crossAttention(layer[1], {
        config,
        x: selfAttention(layer[0], self),
        encoded: encoded[i] as T5CrossKeys,
        rows,
        mask,
        seed: seedOf(`${i}.1`),
      });
      return feedForward(layer[2], { config, x: attended, seed: seedOf(`${i}.2`) });
    });
    const normed = rmsNorm(p.decoder.final_layer_norm, x, config.epsilon);
    return dropped(normed, { config, seed }, 'output') as tf.Tensor3D; // [B,L,W]
  });
}
