import type { KeyValueCache } from '@blip2/attention';
import { hash, rmsNorm } from '@blip2/tensor';
import * as tf from '@tensorflow/tfjs';
import type { T5Config } from './config.js';
import type { T5Params } from './spec.js';
import { crossAttention, crossKeys, dropped, feedForward, selfAttention, type T5CrossKeys } from './sublayers.js';

/** What each layer of the decoder looks at: the encoder's output [I,E,W] as keys and values [I,E,HK]. */
export const t5CrossKeys = (p: T5Params, encoded: tf.Tensor): T5CrossKeys[] =>
  p.decoder.block.map(({ layer }) => crossKeys(layer[1].EncDecAttention, encoded));

export interface T5DecoderInput {
  /** Token vectors, [B,L,W]. */
  readonly embeddings: tf.Tensor;
  /** Of `t5CrossKeys`, one a layer. */
  readonly encoded: readonly T5CrossKeys[];
  /** int32 [B]: which of the I texts of the encoder each row goes on from. Default: row b from b. */
  readonly rows?: tf.Tensor1D | undefined;
  /** Additive mask of what the encoder read, [B,1,1,E]. */
  readonly mask?: tf.Tensor | undefined;
  /** What the L positions add to their scores by the P before and by each other, [1,H,L,P+L]. */
  readonly bias: tf.Tensor;
  /** What each layer remembers of the P columns before, none at first; the L new columns are appended to it. */
  readonly memory?: readonly KeyValueCache[] | undefined;
  /** The seed of dropout. Without it there is none. */
  readonly dropoutSeed?: number | undefined;
}

/**
 * The decoder of T5 (Raffel et al. 2020): pre-norm blocks that see what stands before, and all that the encoder read.
 * @returns after the final norm, [B,L,W]
 */
export function t5Decode(p: T5Params, config: T5Config, input: T5DecoderInput): tf.Tensor3D {
  const { embeddings, encoded, rows, mask, bias, memory, dropoutSeed } = input;
  const seedOf = (name: string): number | undefined =>
    dropoutSeed === undefined ? undefined : hash(dropoutSeed, `decoder.${name}`);
  return tf.tidy(() => {
    const seed = seedOf('ends');
    let x: tf.Tensor = dropped(embeddings, { config, seed }, 'input'); // [B,L,W]
    p.decoder.block.forEach(({ layer }, i) => {
      const seen = encoded[i] as T5CrossKeys;
      x = selfAttention(layer[0], { config, x, bias, causal: true, memory: memory?.[i], seed: seedOf(`${i}.0`) });
      x = crossAttention(layer[1], { config, x, encoded: seen, rows, mask, seed: seedOf(`${i}.1`) });
      x = feedForward(layer[2], { config, x, seed: seedOf(`${i}.2`) });
    });
    const normed = rmsNorm(p.decoder.final_layer_norm, x, config.epsilon);
    return dropped(normed, { config, seed }, 'output') as tf.Tensor3D; // [B,L,W]
  });
}
