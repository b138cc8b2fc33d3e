import { embeddingSpec, type LinearOptions, linearSpec, normal, type Params, rmsNormSpec } from '@blip2/tensor';
import type { LlamaConfig } from './config.js';

/** An anonymous record, so that it may stand in a list of a spec. */
const dense = (input: number, output: number, options: LinearOptions) => ({ ...linearSpec(input, output, options) });

const layerSpec = (config: LlamaConfig) => {
  const { hiddenSize: W, ffnSize: F, heads, keyHeads, headSize: K } = config;
  const init = normal(config.initStd);
  const query = { bias: config.queryBias, init };
  const ffn = { bias: config.ffnBias, init };
  return {
    input_layernorm: rmsNormSpec(W),
    self_attn: {
      q_proj: dense(W, heads * K, query),
      k_proj: dense(W, keyHeads * K, query),
      v_proj: dense(W, keyHeads * K, query),
      o_proj: dense(heads * K, W, { bias: config.outputBias, init }),
    },
    post_attention_layernorm: rmsNormSpec(W),
    mlp: { gate_proj: dense(W, F, ffn), up_proj: dense(W, F, ffn), down_proj: dense(F, W, ffn) },
  };
};

/**
 * Describes the parameters of a Llama, Qwen2 or Mistral by their names in Hugging Face checkpoints; a tied head has none of
 * its own.
 */
export function llamaSpec(config: LlamaConfig) {
  const { vocabSize, hiddenSize } = config;
  const init = normal(config.initStd);
  return {
    model: {
      embed_tokens: embeddingSpec(vocabSize, hiddenSize, init),
      layers: Array.from({ length: config.layers }, () => layerSpec(config)),
      norm: rmsNormSpec(hiddenSize),
    },
    lm_head: config.tied ? undefined : dense(hiddenSize, vocabSize, { bias: false, init }),
  };
}

/** The parameters of a Llama. */
export type LlamaParams = Params<ReturnType<typeof llamaSpec>>;
/** The parameters of a layer of a Llama. */
export type LlamaLayerParams = Params<ReturnType<typeof layerSpec>>;
