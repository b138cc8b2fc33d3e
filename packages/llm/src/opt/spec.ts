import { embeddingSpec, type LinearOptions, layerNormSpec, linearSpec, normal, type Params } from '@blip2/tensor';
import type { OptConfig } from './config.js';

/** The position embeddings have two rows more than there are positions: positions begin at row 2, padding has row 1. */
export const POSITION_OFFSET = 2;

/** An anonymous record, so that it may stand in a list of a spec. */
const dense = (input: number, output: number, options: LinearOptions) => ({ ...linearSpec(input, output, options) });

const layerSpec = (config: OptConfig) => {
  const { hiddenSize: W, ffnSize: F } = config;
  const options = { bias: config.bias, init: normal(config.initStd) };
  return {
    self_attn: {
      q_proj: dense(W, W, options),
      k_proj: dense(W, W, options),
      v_proj: dense(W, W, options),
      out_proj: dense(W, W, options),
    },
    self_attn_layer_norm: layerNormSpec(W),
    fc1: dense(W, F, options),
    fc2: dense(F, W, options),
    final_layer_norm: layerNormSpec(W),
  };
};

/** Describes the parameters of OPT (Zhang et al. 2022) by their names in Hugging Face checkpoints; a tied head has none of its own. */
export function optSpec(config: OptConfig) {
  const { vocabSize, hiddenSize, embeddingSize, maxPositions } = config;
  const projected = embeddingSize !== hiddenSize;
  const bare = { bias: false, init: normal(config.initStd) };
  const init = normal(config.initStd);
  return {
    model: {
      decoder: {
        embed_tokens: embeddingSpec(vocabSize, embeddingSize, init),
        project_in: projected ? dense(embeddingSize, hiddenSize, bare) : undefined,
        project_out: projected ? dense(hiddenSize, embeddingSize, bare) : undefined,
        embed_positions: embeddingSpec(maxPositions + POSITION_OFFSET, hiddenSize, init),
        layers: Array.from({ length: config.layers }, () => layerSpec(config)),
        final_layer_norm: config.finalNorm ? layerNormSpec(hiddenSize) : undefined,
      },
    },
    lm_head: config.tied ? undefined : dense(embeddingSize, vocabSize, bare),
  };
}

/** The parameters of OPT. */
export type OptParams = Params<ReturnType<typeof optSpec>>;
/** The parameters of a layer of OPT. */
export type OptLayerParams = Params<ReturnType<typeof layerSpec>>;
