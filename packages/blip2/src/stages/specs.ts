import { adapterSpec } from '@blip2/llm';
import { pruneForGeneration, type QFormerConfig, qformerSpec } from '@blip2/qformer';
import { layerNorm, layerNormSpec, type Params } from '@blip2/tensor';
import type * as tf from '@tensorflow/tfjs';

/** Hugging Face's epsilon of the norm between image encoder and Q-Former (LAVIS has 1e-5). */
export const VISION_NORM_EPSILON = 1e-6;

/** `ln_vision` by its Hugging Face name. */
export const visionNormSpec = (width: number) => ({ vision_model: { post_layernorm: layerNormSpec(width) } });
export type VisionNorm = Params<ReturnType<typeof visionNormSpec>>;

/** `ln_vision`: [B,N,D] -> [B,N,D]. Trained in both stages, though the encoder before it is frozen. */
export const normFeatures = (p: VisionNorm, features: tf.Tensor3D): tf.Tensor3D =>
  layerNorm(p.vision_model.post_layernorm, features, VISION_NORM_EPSILON) as tf.Tensor3D;

/** Everything that stage 1 trains: the Q-Former with every head, and `ln_vision`. */
export const stage1Spec = (config: QFormerConfig) => ({
  ...qformerSpec(config, 'pretraining'),
  ...visionNormSpec(config.encoderWidth),
});
export type Stage1Params = Params<ReturnType<typeof stage1Spec>>;

/** Everything that stage 2 trains: queries and their path, `ln_vision`, and the bridge to a language model of `width`. */
export const stage2Spec = (config: QFormerConfig, width: number) => ({
  ...qformerSpec(config, 'generation'),
  ...visionNormSpec(config.encoderWidth),
  ...adapterSpec(config.hiddenSize, width),
});
export type Stage2Params = Params<ReturnType<typeof stage2Spec>>;

/** The part of stage 1's tree that stage 2 goes on with: the same tensors, not copies. */
export const stage2FromStage1 = (p: Stage1Params): Omit<Stage2Params, 'language_projection'> => ({
  ...pruneForGeneration(p),
  vision_model: p.vision_model,
});
