import { additiveMask, attend, type CachedAttendOptions, type KeyValueCache } from '@blip2/attention';
import { dropout, embedding, hash, type LayerNorm, layerNorm, linear, normed } from '@blip2/tensor';
import * as tf from '@tensorflow/tfjs';
import { checkInput, type DecoderInput, type DecoderOutput, lastRows, PADDED } from '../decoder-only.js';
import { throughLayers } from '../layers.js';
import { adaptedFeedForward, adaptedLinear, adaptedLinears } from '../lora/linear.js';
import { LAYER_NORM_EPSILON, type OptConfig } from './config.js';
import { positionRows } from './positions.js';
import { type OptLayerParams, type OptParams, POSITION_OFFSET } from './spec.js';

/**
 * Runs the decoder of OPT (Zhang et al. 2022): blocks under a causal mask, learned positions. Norms stand before the sublayers,
 * or after them as in OPT-350M, whose token embeddings are narrower than its layers and projected to them and back.
 * @throws where past and new columns are more than there are positions
 */
export function optForward(p: OptParams, config: OptConfig, input: DecoderInput): DecoderOutput {
  const { decoder } = p.model;
  const { embeddings, mask, memory } = input;
  const L = embeddings.shape[1] as number;
  const P = memory?.[0]?.length ?? 0;
  checkInput(input, { name: 'OPT', width: config.embeddingSize, maxPositions: config.maxPositions });
  return tf.tidy(() => {
    const rows = mask ? positionRows(mask, L) : tf.range(P + POSITION_OFFSET, P + L + POSITION_OFFSET, 1, 'int32');
    const wide = decoder.project_in ? linear(decoder.project_in, embeddings) : embeddings;
    const embedded = tf.add(wide, embedding(decoder.embed_positions, rows)); // [B,L,W]
    const additive = mask && additiveMask(mask, PADDED); // [B,1,1,P+L]
    let x = throughLayers(decoder.layers, embedded, (layer, x, i) => {
      const keep = i === decoder.layers.length - 1 ? (input.last ?? L) : L;
      const seed = input.dropoutSeed === undefined ? undefined : hash(input.dropoutSeed, `layers.${i}`);
      return block(layer, config, { x, mask: additive, memory: memory?.[i], keep, seed });
    });
    if (decoder.final_layer_norm) x = layerNorm(decoder.final_layer_norm, x, LAYER_NORM_EPSILON);
    return { hidden: (decoder.project_out ? linear(decoder.project_out, x) : x) as tf.Tensor3D };
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

/** `x += attention(norm(x)); x += ffn(norm(x))`, or `x = norm(x + attention(x)); x = norm(x + ffn(x))`: [B,L,W] -> [B,keep,W] */
function block(p: OptLayerParams, config: OptConfig, input: BlockInput): tf.Tensor {
  const { mask, memory, keep, seed } = input;
  const { out_proj } = p.self_attn;
  const { preNorm } = config;
  const before = (norm: LayerNorm, x: tf.Tensor): tf.Tensor => (preNorm ? layerNorm(norm, x, LAYER_NORM_EPSILON) : x);
  const after = (norm: LayerNorm, x: tf.Tensor): tf.Tensor => (preNorm ? x : layerNorm(norm, x, LAYER_NORM_EPSILON));

  const { query, key, value } = project(p, config, input); // [B,keep,W], [B,L,W] twice
  const options: CachedAttendOptions = {
    heads: config.heads,
    mask,
    causal: true,
    ...(seed === undefined
      ? {}
      : { dropout: { rate: config.attentionDropout, training: true, seed: hash(seed, 'attention') } }),
  };
  const context = memory ? memory.extend(query, { key, value }, options) : attend(query, key, value, options); // [B,keep,W]
  const added = (residual: tf.Tensor, name: string, f: (residual?: tf.Tensor) => tf.Tensor): tf.Tensor =>
    seed === undefined
      ? f(residual)
      : tf.add(residual, dropout(f(), config.dropout, { training: true, seed: hash(seed, name) }));
  const attended = added(lastRows(input.x, keep), 'self_attn', (residual) =>
    adaptedLinear(out_proj, context, { residual }),
  );
  const x = after(p.self_attn_layer_norm, attended);

  const { activation } = config;
  if (preNorm && seed === undefined) {
    const norm = { norm: p.final_layer_norm, epsilon: LAYER_NORM_EPSILON };
    return adaptedFeedForward({ up: p.fc1, down: p.fc2 }, x, { ...norm, activation });
  }
  const wide = adaptedLinear(p.fc1, before(p.final_layer_norm, x));
  const read = added(x, 'fc2', (residual) => adaptedLinear(p.fc2, wide, { activation, residual }));
  return after(p.final_layer_norm, read);
}

/** The query of the rows that go on, and keys and values of all. */
function project(p: OptLayerParams, { preNorm }: OptConfig, { x, keep }: BlockInput) {
  const { q_proj, k_proj, v_proj } = p.self_attn;
  const norm = { norm: p.self_attn_layer_norm, epsilon: LAYER_NORM_EPSILON };
  if (preNorm && keep === x.shape[1]) {
    const [query, key, value] = adaptedLinears([q_proj, k_proj, v_proj], x, norm) as [tf.Tensor, tf.Tensor, tf.Tensor];
    return { query, key, value };
  }
  const given = preNorm ? normed(x, norm) : x;
  return {
    query: adaptedLinear(q_proj, lastRows(given, keep)),
    key: adaptedLinear(k_proj, given),
    value: adaptedLinear(v_proj, given),
  };
}
