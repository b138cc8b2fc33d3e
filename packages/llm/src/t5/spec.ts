import { embeddingSpec, linearSpec, normal, type Params, rmsNormSpec } from '@blip2/tensor';
import type { T5Config } from './config.js';

/** An anonymous record, so that it may stand in a list of a spec. T5 has no biases. */
const dense = (input: number, output: number, std: number) => ({
  ...linearSpec(input, output, { bias: false, init: normal(std) }),
});

const attentionSpec = ({ hiddenSize: W, headSize: K, heads: H, initFactor: f }: T5Config) => ({
  q: dense(W, H * K, f * (W * K) ** -0.5), // T5's attention has no scale: its queries are initialized small
  k: dense(W, H * K, f * W ** -0.5),
  v: dense(W, H * K, f * W ** -0.5),
  o: dense(H * K, W, f * (H * K) ** -0.5),
});

/** The first block's table of relative positions serves all blocks of its stack. */
const selfAttentionSpec = (config: T5Config, block: number) => {
  const { buckets, heads, hiddenSize, initFactor } = config;
  return {
    SelfAttention: {
      ...attentionSpec(config),
      relative_attention_bias:
        block === 0 ? { ...embeddingSpec(buckets, heads, normal(initFactor * hiddenSize ** -0.5)) } : undefined,
    },
    layer_norm: { ...rmsNormSpec(hiddenSize) },
  };
};

const crossAttentionSpec = (config: T5Config) => ({
  EncDecAttention: attentionSpec(config),
  layer_norm: { ...rmsNormSpec(config.hiddenSize) },
});

const feedForwardSpec = ({ hiddenSize: W, ffnSize: F, gated, initFactor: f }: T5Config) => {
  const wide = () => dense(W, F, f * W ** -0.5);
  return {
    DenseReluDense: {
      wi: gated ? undefined : wide(),
      wi_0: gated ? wide() : undefined,
      wi_1: gated ? wide() : undefined,
      wo: dense(F, W, f * F ** -0.5),
    },
    layer_norm: { ...rmsNormSpec(W) },
  };
};

const encoderBlockSpec = (config: T5Config, block: number) => ({
  layer: { 0: selfAttentionSpec(config, block), 1: feedForwardSpec(config) },
});

const decoderBlockSpec = (config: T5Config, block: number) => ({
  layer: { 0: selfAttentionSpec(config, block), 1: crossAttentionSpec(config), 2: feedForwardSpec(config) },
});

/** Describes the parameters of T5 (Raffel et al. 2020) by their names in Hugging Face checkpoints; a tied head has none of its own. */
export function t5Spec(config: T5Config) {
  const { vocabSize, hiddenSize, layers, decoderLayers, initFactor, tied } = config;
  return {
    shared: embeddingSpec(vocabSize, hiddenSize, normal(initFactor)),
    encoder: {
      block: Array.from({ length: layers }, (_, i) => encoderBlockSpec(config, i)),
      final_layer_norm: rmsNormSpec(hiddenSize),
    },
    decoder: {
      block: Array.from({ length: decoderLayers }, (_, i) => decoderBlockSpec(config, i)),
      final_layer_norm: rmsNormSpec(hiddenSize),
    },
    lm_head: tied ? undefined : dense(hiddenSize, vocabSize, initFactor),
  };
}

/** The parameters of T5. */
export type T5Params = Params<ReturnType<typeof t5Spec>>;
export type T5Attention = Params<ReturnType<typeof attentionSpec>>;
export type T5SelfAttention = Params<ReturnType<typeof selfAttentionSpec>>;
export type T5CrossAttention = Params<ReturnType<typeof crossAttentionSpec>>;
export type T5FeedForward = Params<ReturnType<typeof feedForwardSpec>>;
