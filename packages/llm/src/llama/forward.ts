import { additiveMask, attend, type CachedAttendOptions, type KeyValueCache } from '@blip2/attention';
import { hash, rmsNorm } from '@blip2/tensor';
import * as tf from '@tensorflow/tfjs';
import { checkInput, type DecoderInput, type DecoderOutput, lastRows, PADDED } from '../decoder-only.js';
import { throughLayers } from '../layers.js';
import { adaptedFeedForward, adaptedLinear, adaptedLinears } from '../lora/linear.js';
import type { LlamaConfig } from './config.js';
import { type Rotations, rotated, rotationsOf } from './positions.js';
import type { LlamaLayerParams, LlamaParams } from './spec.js';

/**
 * Runs the decoder of a Llama (Touvron et al. 2023): pre-norm blocks under a causal mask, with root mean square norms, rotary
 * positions, grouped-query attention and gated feed-forward layers.
 * @throws for embeddings or a mask of another shape, and for more columns than there are positions
 */
export function llamaForward(p: LlamaParams, config: LlamaConfig, input: DecoderInput): DecoderOutput {
  const { embeddings, mask, memory } = input;
  checkInput(input, { name: 'Llama', width: config.hiddenSize, maxPositions: config.maxPositions });
  const L = embeddings.shape[1] as number;
  const past = memory?.[0]?.length ?? 0;
  return tf.tidy(() => {
    const rotations = rotationsOf(config, { past, length: L, whole: input.columns ?? past + L, mask });
    const additive = mask && additiveMask(mask, PADDED); // [B,1,1,P+L]
    const x = throughLayers(p.model.layers, embeddings, (layer, x, i) => {
      const keep = i === config.layers - 1 ? (input.last ?? L) : L;
      const seed = input.dropoutSeed === undefined ? undefined : hash(input.dropoutSeed, `layers.${i}`);
      return block(layer, config, { x, rotations, mask: additive, memory: memory?.[i], keep, seed });
    });
    return { hidden: rmsNorm(p.model.norm, x, config.epsilon) as tf.Tensor3D };
  });
}

interface BlockInput {
  readonly x: tf.Tensor;
  readonly rotations: Rotations;
  readonly mask: tf.Tensor | undefined;
  readonly memory: KeyValueCache | undefined;
  /** How many last rows go on; all of them are keys. */
  readonly keep: number;
  readonly seed: number | undefined;
}

/** `x += attention(norm(x)); x += ffn(norm(x))`: [B,L,W] -> [B,keep,W] */
function block(p: LlamaLayerParams, config: LlamaConfig, input: BlockInput): tf.Tensor {
  const { rotations, mask, memory, keep, seed } = input;
  const { heads, keyHeads, epsilon, attentionDropout: rate } = config;
  const { q_proj, k_proj, v_proj, o_proj } = p.self_attn;

  const norm = { norm: p.input_layernorm, epsilon };
  const [q, k, value] = adaptedLinears([q_proj, k_proj, v_proj], input.x, norm) as [tf.Tensor, tf.Tensor, tf.Tensor];
  const options: CachedAttendOptions = {
    heads,
    keyHeads,
    mask,
    causal: true,
    ...(seed !== undefined && rate > 0 ? { dropout: { rate, training: true, seed: hash(seed, 'attention') } } : {}),
  };
  const context = (): tf.Tensor => {
    if (memory && keep === q.shape[1]) return memory.extend(q, { key: k, value }, { ...options, rotations });
    const query = lastRows(rotated(q, heads, rotations), keep);
    const key = rotated(k, keyHeads, rotations);
    memory?.append({ key, value });
    return memory ? memory.attend(query, options) : attend(query, key, value, options);
  };
  const x = adaptedLinear(o_proj, context(), { residual: lastRows(input.x, keep) }); // [B,keep,W]

  const { gate_proj, up_proj, down_proj } = p.mlp;
  const layers = { gate: gate_proj, up: up_proj, down: down_proj };
  return adaptedFeedForward(layers, x, { norm: p.post_attention_layernorm, epsilon, activation: config.activation });
}
