import { type LanguageModel, type PredictInput, type Predictions, project } from '@blip2/llm';
import { heldOutMargin, lm, phrases } from '@blip2/losses';
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
  /**
   * int32 [B,T]: a token that has no probability where each target is predicted, -1 for none. Where training never shows a token
   * in its context, such as a count of a kind, nothing is then learned against it: the softmax with the logits adjusted by the
   * prior of labels (Menon et al. 2020, arXiv 2007.07314), which is 0 for it. Default: all tokens compete.
   */
  readonly heldOutIds?: tf.Tensor2D;
  /** float32 [B,T]: the weight of each target in the loss; 0 for those that are read but not predicted. Default: all are 1. */
  readonly targetWeights?: tf.Tensor2D;
}

/** A batch of images with texts, phrases or both; `collateStage2` makes one. */
export interface Stage2Batch {
  /** Features of the frozen image encoder, [I,N,D]. */
  readonly features: tf.Tensor3D;
  /** int32 [I,R,K]: R phrases of K tokens that name what each image shows; needed by `phraseWeight` and without texts. */
  readonly phraseIds?: tf.Tensor3D;
  /** Attention mask of `phraseIds`, int32 [I,R,K]. */
  readonly phraseMask?: tf.Tensor3D;
  /** int32 [I,R]: a token that has no probability where each phrase is predicted, -1 for none; see `Stage2Texts.heldOutIds`. */
  readonly phraseHeldOutIds?: tf.Tensor2D;
  readonly texts?: Stage2Texts;
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
  /**
   * Weight of a loss that keeps the tokens of `heldOutIds` within `heldOutMargin` of the targets (see `heldOutMargin` of
   * `@blip2/losses`), a part of `lm`. Default 0: they only do not compete.
   */
  readonly heldOutWeight?: number | undefined;
  /** How far the logit of a held-out token may be below that of its target. Default 4. */
  readonly heldOutMargin?: number | undefined;
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
  { features, texts, phraseIds, phraseMask, phraseHeldOutIds }: Stage2Batch,
  { seed, recompute = false, phraseWeight = 0, heldOutWeight = 0, heldOutMargin: margin }: Stage2Options,
): { total: tf.Scalar; lm?: tf.Scalar; phrases?: tf.Scalar } {
  const prompts = softPrompt(p, config, features, { seed, recompute });
  const phraseLoss = (): tf.Scalar => {
    if (phraseIds && phraseMask) {
      return phrases(tokenLogits(prompts, language), phraseIds, phraseMask, { heldOut: phraseHeldOutIds });
    }
    throw new Error('A batch of stage 2 without texts, or trained with phraseWeight, needs phraseIds and phraseMask.');
  };
  if (!texts) {
    const total = phraseLoss();
    return { total, phrases: total.clone() };
  }
  const { imageIndex, heldOutIds, targetWeights, ...sample } = texts;
  const { logits, labels } = predictNow(language, { softPrompt: tf.gather(prompts, imageIndex), ...sample });
  const weights = targetWeights && lastOf(targetWeights, labels.shape);
  const heldOut = heldOutIds && lastOf(heldOutIds, labels.shape);
  const predicted = lm(heldOut ? without(logits, heldOut) : logits, labels, { shift: false, weights });
  const loss: tf.Scalar =
    heldOut && heldOutWeight > 0
      ? tf.add(predicted, tf.mul(heldOutMargin(logits, labels, heldOut, { margin, weights }), heldOutWeight))
      : predicted;
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

/** What targets have that have logits, [B,T] -> [B,L]: without a prompt the first of them have none. */
const lastOf = (values: tf.Tensor2D, [B, L]: readonly [number, number, ...number[]]): tf.Tensor2D =>
  tf.slice(values, [0, values.shape[1] - L], [B, L]);

/** Logits by which a token of each position has no probability: [B,L,V], int32 [B,L] -> [B,L,V]. */
function without(logits: tf.Tensor3D, heldOut: tf.Tensor2D): tf.Tensor3D {
  return tf.sub(logits, tf.mul(tf.cast(tf.oneHot(heldOut, logits.shape[2]), 'float32'), 1e9));
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
