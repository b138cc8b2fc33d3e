import { adapterSpec } from '@blip2/llm';
import { pruneForGeneration, type QFormerConfig, qformerSpec } from '@blip2/qformer';
import type { Params } from '@blip2/tensor';
import { visionNormSpec } from './vision-norm.js';

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

/** The same of InstructBLIP, whose queries read the instruction: with the text branch and its embeddings. */
export const instructBlipSpec = (config: QFormerConfig, width: number) => ({
  ...qformerSpec(config, 'instruction'),
  ...visionNormSpec(config.encoderWidth),
  ...adapterSpec(config.hiddenSize, width),
});

/** The part of stage 1's tree that stage 2 goes on with: the same tensors, not copies. */
export const stage2FromStage1 = (p: Stage1Params): Omit<Stage2Params, 'language_projection'> => ({
  ...pruneForGeneration(p),
  vision_model: p.vision_model,
});
