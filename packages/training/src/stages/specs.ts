import { adapterSpec } from '@blip2/llm';
import { pruneForGeneration, type QFormerConfig, qformerSpec } from '@blip2/qformer';
import type { Params } from '@blip2/tensor';
import { visionNormSpec } from './vision-norm.js';

/** Describes the parameters that stage 1 trains: the Q-Former with every head, and `ln_vision`. */
export const stage1Spec = (config: QFormerConfig) => ({
  ...qformerSpec(config, 'pretraining'),
  ...visionNormSpec(config.encoderWidth),
});

/** The parameters that stage 1 trains. */
export type Stage1Params = Params<ReturnType<typeof stage1Spec>>;

/** Describes the parameters that stage 2 trains: queries and their branch, `ln_vision`, and the projection to a language model of `width`. */
export const stage2Spec = (config: QFormerConfig, width: number) => ({
  ...qformerSpec(config, 'generation'),
  ...visionNormSpec(config.encoderWidth),
  ...adapterSpec(config.hiddenSize, width),
});

/** The parameters that stage 2 trains. */
export type Stage2Params = Params<ReturnType<typeof stage2Spec>>;

/** Describes the trainable parameters of InstructBLIP, whose queries attend to the instruction: those of stage 2, the text branch and its embeddings. */
export const instructBlipSpec = (config: QFormerConfig, width: number) => ({
  ...qformerSpec(config, 'instruction'),
  ...visionNormSpec(config.encoderWidth),
  ...adapterSpec(config.hiddenSize, width),
});

/** Takes from the parameters of stage 1 those that stage 2 starts from; the tensors are shared, not copied. */
export const stage2FromStage1 = (p: Stage1Params): Omit<Stage2Params, 'language_projection'> => ({
  ...pruneForGeneration(p),
  vision_model: p.vision_model,
});
