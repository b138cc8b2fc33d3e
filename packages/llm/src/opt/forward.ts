import { additiveMask, attend, type CachedAttendOptions, type KeyValueCache } from '@blip2/attention';
import { dropout, embedding, hash, layerNorm } from '@blip2/tensor';
import * as tf from '@tensorflow/tfjs';
import { adaptedLinear } from '../lora/linear.js';
import { LAYER_NORM_EPSILON, type OptConfig } from './config.js';
import { positionRows } from './positions.js';
import { type OptLayerParams, type OptParams, POSITION_OFFSET } from './spec.js';

/** Input of `optForward`. */
export interface OptInput {
  /** Token embeddings or vectors in their place, [B,L,W], without positions. */
  readonly embeddings: tf.Tensor;
  /** Attention mask of past and new columns together, [B,P+L]. Default: all ones. */
  readonly mask?: tf.Tensor | undefined;
  /** The key-value cache of each layer with the P past columns; the L new columns are appended. Default: none. */
  readonly memory?: readonly KeyValueCache[] | undefined;
  /** Number of last positions that are computed by the last layer and returned. Default: all. */
  readonly last?: number | undefined;
  /** Seed of dropout. Default: no dropout. */
  readonly dropoutSeed?: number | undefined;
}

/** Output of `optForward`; the caller owns it. */
export type OptOutput = {
  /** After the final norm, [B,last,W]. */
  hidden: tf.Tensor3D;
};

/** Lower than any score, yet finite: a row that attends to nothing must not become NaN. */
const PADDED = -1e9;

/**
 * Runs the decoder of OPT (Zhang et al. 2022): pre-norm blocks under a causal mask, learned positions.
 * @throws where past and new columns are more than there are positions
 */
export function optForward(p: OptParams, config: OptConfig, input: OptInput): OptOutput {
  const { decoder } = p.model;
  const { embeddings, mask, memory } = input;
  const L = embeddings.shape[1] as number;
  const P = memory?.[0]?.length ?? 0;
  check(config, { embeddings, mask, columns: P + L });
  return tf.tidy(() => {
    const rows = mask ? positionRows(mask, L) : tf.range(P + POSITION_OFFSET, P + L + POSITION_OFFSET, 1, 'int32');
    let x = tf.add(embeddings, embedding(decoder.embed_positions, rows)); // [B,L,W]
    const additive = mask && additiveMask(mask, PADDED); // [B,1,1,P+L]
    decoder.layers.forEach((layer, i) => {
      const keep = i === decoder.layers.length - 1 ? (input.last ?? L) : L;
      const seed = input.dropoutSeed === undefined ? undefined : hash(input.dropoutSeed, `layers.${i}`);
      x = block(layer, config, { x, mask: additive, memory: memory?.[i], keep, seed });
    });
    return { hidden: layerNorm(decoder.final_layer_norm, x, LAYER_NORM_EPSILON) as tf.Tensor3D };
  });
}

interface BlockInput {
  readonly x: tf.Tensor;
  readonly mask: tf.Tensor | undefined;
  readonly memory: KeyValueCache | undefined;
  /** How many last rows go on; all of them are keys. */
  readonly keep: number;
  readonly seed: number | undefined;
}

/** `x += attention(norm(x)); x += ffn(norm(x))`: [B,L,W] -> [B,keep,W] */
function block(p: OptLayerParams, config: OptConfig, input: BlockInput): tf.Tensor {
  const { mask, memory, keep, seed } = input;
  const { q_proj, k_proj, v_proj, out_proj } = p.self_attn;

  const normed = layerNorm(p.self_attn_layer_norm, input.x, LAYER_NORM_EPSILON);
  const query = adaptedLinear(q_proj, lastRows(normed, keep)); // [B,keep,W]
  const [key, value] = [adaptedLinear(k_proj, normed), adaptedLinear(v_proj, normed)]; // [B,L,W]
  const options: CachedAttendOptions = {
    heads: config.heads,
    mask,
    causal: true,
    ...(seed === undefined
      ? {}
      : { dropout: { rate: config.attentionDropout, training: true, seed: hash(seed, 'attention') } }),
  };
  memory?.append({ key, value });
  const context = memory ? memory.attend(query, options) : attend(query, key, value, options); // [B,keep,W]
  const added = (residual: tf.Tensor, name: string, f: (residual?: tf.Tensor) => tf.Tensor): tf.Tensor =>
    seed === undefined
      ? f(residual)
      : tf.add(residual, dropout(f(), config.dropout, { training: true, seed: hash(seed, name) }));
  const x = added(lastRows(input.x, keep), 'self_attn', (residual) => adaptedLinear(out_proj, context, { residual }));

  const { activation } = config;
  const wide = adaptedLinear(p.fc1, layerNorm(p.final_layer_norm, x, LAYER_NORM_EPSILON));
  return added(x, 'fc2', (residual) => adaptedLinear(p.fc2, wide, { activation, residual }));
}

/** [B,L,W] -> [B,count,W] */
export function lastRows(x: tf.Tensor, count: number): tf.Tensor {
  const [B, L, W] = x.shape as [number, number, number];
  return count === L ? x : tf.slice(x, [0, L - count, 0], [B, count, W]);
}

function check(
  config: OptConfig,
  input: { embeddings: tf.Tensor; mask: tf.Tensor | undefined; columns: number },
): void {
  const { embeddings, mask, columns } = input;
  const [B, , W] = embeddings.shape;
  if (embeddings.rank !== 3 || W !== config.hiddenSize) {
    throw new Error(`OPT needs embeddings [B,L,${config.hiddenSize}], not [${embeddings.shape}].`);
  }
  if (mask && mask.shape.join() !== [B, columns].join()) {
    throw new Error(`OPT needs a mask [${B},${columns}] of past and new columns, not [${mask.shape}].`);
  }
  if (columns > config.maxPositions) {
    throw new Error(
      `${columns} tokens are more than the ${config.maxPositions} positions of this OPT; shorten the text.`,
    );
  }
}
