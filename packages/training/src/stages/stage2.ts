import { type LanguageModel, type PredictInput, type Predictions, project } from '@blip2/llm';
import { lm, phrases } from '@blip2/losses';
import { type TextInputs as Instructions, matchPass, type QFormerConfig, queryOutput } from '@blip2/qformer';
import * as tf from '@tensorflow/tfjs';
import type { Stage2Params } from './specs.js';
import { keyValues } from './vision-norm.js';

export interface SoftPromptOptions {
  /** Of dropout. Without it the Q-Former does not train. */
  readonly seed?: number;
  /** The layers run again for their gradients, which takes less memory and more time. Default false. */
  readonly recompute?: boolean;
}

/** What the language model sees of images: features [B,N,D] of the encoder -> [B,Q,W]. */
export function softPrompt(
  p: Stage2Params,
  config: QFormerConfig,
  features: tf.Tensor3D,
  { seed, recompute = false }: SoftPromptOptions = {},
): tf.Tensor3D {
  const mode = seed === undefined ? {} : { training: true, seed, recompute };
  return tf.tidy(() => project(p, queryOutput(p, config, keyValues(p, config, features), mode)));
}

/**
 * The same where queries read an instruction beside the image (InstructBLIP, Dai et al. 2023): features [I,N,D] and B
 * instructions -> [B,Q,W]. Of what the Q-Former gives, only the queries' rows go on.
 * @param imageIndex int32 [B]: the image of each instruction
 */
export function instructBlipSoftPrompt(
  p: Stage2Params,
  config: QFormerConfig,
  { features, imageIndex, ...texts }: Instructions & { features: tf.Tensor3D; imageIndex: tf.Tensor1D },
): tf.Tensor3D {
  return tf.tidy(() => {
    const seen = keyValues(p, config, features);
    return project(p, matchPass(p, config, { ...texts, features: seen, imageIndex }).output);
  });
}

/** Stage2Texts about images. An image may have several. */
export interface Stage2Texts {
  /** int32 [B]: the image of each text. */
  readonly imageIndex: tf.Tensor1D;
  /** int32 [B,P]: what stands between image and target, with BOS and pads on the left; an encoder's pads on the right. */
  readonly promptIds: tf.Tensor2D;
  readonly promptMask: tf.Tensor2D;
  /** int32 [B,T], pads on the right: what is to be said, and the end token. */
  readonly targetIds: tf.Tensor2D;
  readonly targetMask: tf.Tensor2D;
}

/** Images, and what is to be learned about them: phrases, and texts unless there are none. */
export interface Stage2Batch {
  /** [I,N,D] */
  readonly features: tf.Tensor3D;
  /** int32 [I,R,K]: what each image shows, in R phrases of K words. */
  readonly phraseIds: tf.Tensor3D;
  /** int32 [I,R,K]: 0 where there is no word. */
  readonly phraseMask: tf.Tensor3D;
  readonly texts?: Stage2Texts;
}

export interface Stage2Options {
  readonly seed: number;
  readonly recompute?: boolean;
  /**
   * Weight of a term that BLIP-2 does not have: vectors of the soft prompt should point at the language model's vectors of
   * what the image shows. Default 0; why: docs/decisions/0014-phrases-in-the-soft-prompt.md.
   */
  readonly phraseWeight?: number;
}

/**
 * Generative learning with a frozen language model (BLIP-2, section 3.2): the mean loss of the targets' tokens. A batch
 * without texts is learned by its phrases alone, for which the language model need not be run.
 */
export function stage2Terms(
  p: Stage2Params,
  { config, language }: { config: QFormerConfig; language: LanguageModel },
  { features, texts, phraseIds, phraseMask }: Stage2Batch,
  { seed, recompute = false, phraseWeight = 0 }: Stage2Options,
): { total: tf.Scalar; lm?: tf.Scalar; phrases?: tf.Scalar } {
  const prompts = softPrompt(p, config, features, { seed, recompute });
  const told = (): tf.Scalar => phrases(wordLogits(prompts, language), phraseIds, phraseMask);
  if (!texts) {
    const alone = told();
    return { total: alone, phrases: alone.clone() as tf.Scalar };
  }
  const { imageIndex, ...sample } = texts;
  const { logits, labels } = predictNow(language, { softPrompt: tf.gather(prompts, imageIndex), ...sample });
  const loss = lm(logits, labels, { shift: false });
  if (phraseWeight === 0) return { total: loss, lm: loss.clone() as tf.Scalar };
  const beside = told();
  return { total: tf.add(loss, tf.mul(beside, phraseWeight)) as tf.Scalar, lm: loss, phrases: beside };
}

/** `predict` of a language model. @throws where it gives a promise, as another engine's might, contrary to its type */
function predictNow(language: LanguageModel, input: PredictInput): Predictions {
  const predictions: Predictions & { readonly then?: PromiseLike<unknown>['then'] } = language.predict(input);
  if (!predictions.then) return predictions;
  predictions.then(undefined, () => {}); // its failure is of no interest beside the error below
  throw new Error(
    "The language model's predict returned a promise, and gradients are recorded only while TensorFlow.js computes; " +
      'train with a language model whose predict is synchronous.',
  );
}

/** How far each vector points to each token's, sharpened: [I,Q,W] -> [I,Q,V]. */
function wordLogits(prompts: tf.Tensor3D, { embed, vocabSize }: LanguageModel): tf.Tensor3D {
  const table = embed(tf.range(0, vocabSize, 1, 'int32').expandDims(0)); // [1,V,W]
  const [I, Q, W] = prompts.shape;
  const logits = tf.matMul(tf.reshape(prompts, [I * Q, W]), tf.squeeze(table, [0]), false, true);
  return tf.reshape(tf.mul(logits, SHARPNESS), [I, Q, vocabSize]);
}

/** Lets a vector tell some words among thousands though it is not much longer than theirs, as the language model reads them. */
const SHARPNESS = 4;
