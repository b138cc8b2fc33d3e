import { type LanguageModel, project } from '@blip2/llm';
import { lm } from '@blip2/losses';
import { type QFormerConfig, queryOutput } from '@blip2/qformer';
import type { LossTerms } from '@blip2/tensor';
import * as tf from '@tensorflow/tfjs';
import { normFeatures, type Stage2Params } from './specs.js';

export interface SoftPromptOptions {
  /** Of dropout. Without it the Q-Former does not train. */
  readonly seed?: number;
}

/** What the language model sees of pictures: features [B,N,D] of the encoder -> [B,Q,W]. */
export function softPrompt(
  p: Stage2Params,
  config: QFormerConfig,
  features: tf.Tensor3D,
  { seed }: SoftPromptOptions = {},
): tf.Tensor3D {
  const mode = seed === undefined ? {} : { training: true, seed };
  return tf.tidy(() => project(p, queryOutput(p, config, normFeatures(p, features), mode)));
}

/** Texts about pictures. A picture may have several. */
export interface TextBatch {
  /** [I,N,D] */
  readonly features: tf.Tensor3D;
  /** int32 [B]: the picture of each text. */
  readonly picture: tf.Tensor1D;
  /** int32 [B,P], pads on the left: what stands between picture and target, BOS included. */
  readonly promptIds: tf.Tensor2D;
  readonly promptMask: tf.Tensor2D;
  /** int32 [B,T], pads on the right: what is to be said, and the end token. */
  readonly targetIds: tf.Tensor2D;
  readonly targetMask: tf.Tensor2D;
}

export interface Stage2Options {
  readonly seed: number;
}

/** Generative learning with a frozen language model (BLIP-2, section 3.2): the mean loss of the targets' tokens. */
export function stage2Terms(
  p: Stage2Params,
  models: { config: QFormerConfig; language: LanguageModel },
  batch: TextBatch,
  { seed }: Stage2Options,
): LossTerms {
  const prompts = softPrompt(p, models.config, batch.features, { seed });
  const { logits, labels } = models.language.predict({
    softPrompt: tf.gather(prompts, batch.picture),
    promptIds: batch.promptIds,
    promptMask: batch.promptMask,
    targetIds: batch.targetIds,
    targetMask: batch.targetMask,
  });
  const loss = lm(logits, labels, { shift: false });
  return { total: loss, lm: loss.clone() as tf.Scalar };
}
