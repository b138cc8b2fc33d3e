import { IGNORED, type LanguageModel, type PredictInput, type Predictions, project } from '@blip2/llm';
import { lm, phrases } from '@blip2/losses';
import { matchPass, type QFormerConfig, queryOutput, type TextInputs } from '@blip2/qformer';
import * as tf from '@tensorflow/tfjs';
import type { Stage2Params } from './specs.js';
import { keyValues } from './vision-norm.js';

/** Options of `softPrompt`. */
export interface SoftPromptOptions {
  /** Seed of dropout. Default: no dropout. */
  readonly seed?: number;
  /** Recompute the activations of the layers in the backward pass: less memory, more time. Default false. */
  readonly recompute?: boolean;
}

/** Computes the soft prompt of images: the encoder's features [B,N,D] -> [B,Q,W]. The caller owns it. */
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
 * Computes the soft prompts of images with instructions, which the queries attend to (InstructBLIP, Dai et al. 2023): the
 * encoder's features [I,N,D] and B instructions -> [B,Q,W]. The caller owns them.
 * @param inputs `ids` and `mask` of the instructions, and `imageIndex`, int32 [B], the image of each
 */
export function instructBlipSoftPrompt(
  p: Stage2Params,
  config: QFormerConfig,
  inputs: TextInputs & { features: tf.Tensor3D; imageIndex: tf.Tensor1D },
): tf.Tensor3D {
  return tf.tidy(() => {
    const features = keyValues(p, config, inputs.features);
    return project(p, matchPass(p, config, { ...inputs, features }).output); // the queries' rows
  });
}

/** Prompts and targets about the images of a batch; an image may have several. */
export interface Stage2Texts {
  /** int32 [B]: the row of `features` that each text is about. */
  readonly imageIndex: tf.Tensor1D;
  /** int32 [B,P]: the tokens between soft prompt and target, padded on the left for a decoder-only model, on the right for an encoder. */
  readonly promptIds: tf.Tensor2D;
  /** Attention mask of `promptIds`, int32 [B,P]. */
  readonly promptMask: tf.Tensor2D;
  /** int32 [B,T], padded on the right: the text to generate, and EOS. */
  readonly targetIds: tf.Tensor2D;
  /** Attention mask of `targetIds`, int32 [B,T]. */
  readonly targetMask: tf.Tensor2D;
}

/** A batch of images with texts, phrases or both; `collateStage2` makes one. */
export interface Stage2Batch {
  /** Features of the frozen image encoder, [I,N,D]. */
  readonly features: tf.Tensor3D;
  /** int32 [I,R,K]: R phrases of K tokens that name what each image shows; needed by `phraseWeight` and without texts. */
  readonly phraseIds?: tf.Tensor3D;
  /** Attention mask of `phraseIds`, int32 [I,R,K]. */
  readonly phraseMask?: tf.Tensor3D;
  readonly texts?: Stage2Texts;
  /**
   * int32 [K]: tokens about which the batch teaches nothing. In targets they are read but not predicted; in phrases they are no
   * words, and compete with none.
   */
  readonly ignoredIds?: tf.Tensor1D;
}

/** A batch whose images are still pixels, [I,H,W,3], which are encoded within the step. */
export type Stage2PixelBatch = Omit<Stage2Batch, 'features'> & { readonly pixels: tf.Tensor4D };

/** Options of `stage2Terms`. */
export interface Stage2Options {
  /** Seed of dropout. */
  readonly seed: number;
  /** Recompute the activations of the layers in the backward pass: less memory, more time. Default false. */
  readonly recompute?: boolean;
  /**
   * Weight of an auxiliary loss that BLIP-2 does not have: a cross-entropy by which vectors of the soft prompt become similar
   * to the token embeddings of what the image shows. It lets a small model learn in minutes. Default 0, as in BLIP-2.
   */
  readonly phraseWeight?: number;
}

/**
 * Computes the losses of the second stage (BLIP-2, section 3.2): the language model's mean loss over the tokens of the
 * targets (`lm`), and that of phrases (see `phraseWeight`). For a batch without texts the language model is not run, and the
 * loss of phrases is the total.
 * @returns scalars that the caller owns
 * @throws where `predict` of the language model is asynchronous, and where the batch has no phrases that are needed
 */
export function stage2Terms(
  p: Stage2Params,
  { config, language }: { config: QFormerConfig; language: LanguageModel },
  { features, texts, phraseIds, phraseMask, ignoredIds }: Stage2Batch,
  { seed, recompute = false, phraseWeight = 0 }: Stage2Options,
): { total: tf.Scalar; lm?: tf.Scalar; phrases?: tf.Scalar } {
  const prompts = softPrompt(p, config, features, { seed, recompute });
  const phraseLoss = (): tf.Scalar => {
    if (phraseIds && phraseMask) {
      const logits = tokenLogits(prompts, language);
      if (!ignoredIds) return phrases(logits, phraseIds, phraseMask);
      const kept = tf.logicalNot(isAmong(phraseIds, ignoredIds));
      return phrases(without(logits, ignoredIds), phraseIds, tf.mul(phraseMask, tf.cast(kept, 'int32')));
    }
    throw new Error('A batch of stage 2 without texts, or trained with phraseWeight, needs phraseIds and phraseMask.');
  };
  if (!texts) {
    const total = phraseLoss();
    return { total, phrases: total.clone() };
  }
  const { imageIndex, ...sample } = texts;
  const { logits, labels } = predictNow(language, { softPrompt: tf.gather(prompts, imageIndex), ...sample });
  const learned = ignoredIds ? withoutLabels(labels, ignoredIds) : labels;
  const loss = lm(logits, learned, { shift: false });
  if (phraseWeight === 0) return { total: loss, lm: loss.clone() };
  const named = phraseLoss();
  return { total: tf.add(loss, tf.mul(named, phraseWeight)), lm: loss, phrases: named };
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

/** Whether each id is one of some: int32 [...], int32 [K] -> bool [...]. */
const isAmong = (ids: tf.Tensor, some: tf.Tensor1D): tf.Tensor => tf.any(tf.equal(tf.expandDims(ids, -1), some), -1);

/** Labels of which some tokens are none: int32 [B,T], [K] -> [B,T]. */
const withoutLabels = (labels: tf.Tensor2D, ids: tf.Tensor1D): tf.Tensor2D =>
  tf.where(isAmong(labels, ids), tf.fill(labels.shape, IGNORED, 'int32') as tf.Tensor2D, labels);

/** Logits by which some tokens have no probability: [I,Q,V], int32 [K] -> [I,Q,V]. */
function without(logits: tf.Tensor3D, ids: tf.Tensor1D): tf.Tensor3D {
  const chosen = tf.sum(tf.oneHot(ids, logits.shape[2]), 0); // [V]
  return tf.sub(logits, tf.mul(chosen, 1e9));
}

/** Dot products of the soft prompt with each token embedding, scaled: [I,Q,W] -> [I,Q,V]. */
function tokenLogits(prompts: tf.Tensor3D, { embed, vocabSize }: LanguageModel): tf.Tensor3D {
  const table = embed(tf.range(0, vocabSize, 1, 'int32').expandDims(0)); // [1,V,W]
  const [I, Q, W] = prompts.shape;
  const logits = tf.matMul(tf.reshape(prompts, [I * Q, W]), tf.squeeze(table, [0]), false, true);
  return tf.reshape(tf.mul(logits, SHARPNESS), [I, Q, vocabSize]);
}

/** Inverse temperature: soft prompts are not much longer than token embeddings, and would give flat distributions. */
const SHARPNESS = 4;
