import { type Contrastive, hardNegatives, itc, itg, itm } from '@blip2/losses';
import {
  captionIds,
  captionPass,
  imageFeatures,
  itgLogits,
  itmLogits,
  jointPass,
  type KeyValues,
  type MatchInput,
  matchPass,
  matchRows,
  type QFormerConfig,
  type QueryResult,
  queryPass,
  type TextInputs,
  textFeatures,
  textPass,
} from '@blip2/qformer';
import { hash } from '@blip2/tensor';
import * as tf from '@tensorflow/tfjs';
import { type Stage1Ablation, weighedSum } from './ablation.js';
import type { Stage1Params } from './specs.js';
import { keyValues } from './vision-norm.js';

/** A batch of image-text pairs; the names of its tensors are those that `collateStage1` gives. */
export interface Stage1Batch extends TextInputs {
  /** Features of the frozen image encoder, [B,N,D]. */
  readonly features: tf.Tensor3D;
  /** int32 [B]: equal for pairs of the same image, which are then not negatives of each other. */
  readonly imageIds: tf.Tensor1D;
  /** Ids and mask [K,T] of additional negative texts of ITC, which match no image of the batch. */
  readonly negativeIds?: tf.Tensor2D;
  readonly negativeMask?: tf.Tensor2D;
}

/** Options of `stage1Terms`. */
export interface Stage1Options {
  /** Seed of dropout and of the hard negatives. */
  readonly seed: number;
  /** Recompute the activations of the layers in the backward pass: less memory, more time. Default false. */
  readonly recompute?: boolean;
  /** Label smoothing of the contrastive and the captioning loss. */
  readonly smoothing: number;
  /** The id of [DEC], which starts a caption. */
  readonly decoderStart: number;
  /** The id of [PAD]. */
  readonly pad: number;
  /** What is taken away, to measure what it is for. Default: nothing, as in BLIP-2. */
  readonly ablation?: Stage1Ablation | undefined;
}

/** The losses of the first stage, and their sum. */
export type Stage1Terms = Readonly<Record<'total' | 'itc' | 'itm' | 'itg', tf.Scalar>>;

/**
 * Computes the losses of the first stage, each with its own attention mask (BLIP-2, section 3.1): image-text contrastive
 * (`itc`), image-text matching with hard negatives (`itm`), image-grounded text generation (`itg`), and their sum.
 * @returns scalars that the caller owns
 */
export function stage1Terms(
  p: Stage1Params,
  config: QFormerConfig,
  batch: Stage1Batch,
  options: Stage1Options,
): Stage1Terms {
  const { ids, mask, imageIds } = batch;
  const encoded = encodePairs(p, config, batch, options);
  const negatives = encodeNegatives(p, config, batch, options);
  const contrast = contrastPairs({ ...encoded, imageIds, negatives }, p.temp as tf.Scalar, options);
  const captioning = captionLoss(p, config, { ids, mask, cache: encoded.cache }, options);
  const rows = matchRows({ ids, mask }, drawNegatives(contrast, imageIds, options));
  // Last, and so first in the backward pass: its activations are the largest, and are freed before all gradients are there.
  const matching = matchLoss(p, config, { ...rows, features: encoded.keys }, options);
  const terms = { itc: contrast.loss, itm: matching, itg: captioning };
  return { total: weighedSum(terms, options.ablation), ...terms };
}

/** What the losses of pairs share. */
export interface EncodedPairs extends Pick<QueryResult, 'cache'> {
  /** Keys and values of cross-attention, [B,N,W] of each layer that has it. */
  readonly keys: KeyValues;
  /** Features of the queries for ITC, [B,Q,E]. */
  readonly image: tf.Tensor3D;
  /** Features of the texts for ITC, [B,E]. */
  readonly text: tf.Tensor2D;
}

/** Runs queries over images and texts alone. */
export function encodePairs(
  p: Stage1Params,
  config: QFormerConfig,
  { ids, mask, features }: TextInputs & { readonly features: tf.Tensor3D },
  options: Pick<Stage1Options, 'seed' | 'recompute' | 'ablation'>,
): EncodedPairs {
  const keys = keyValues(p, config, features);
  const { output, cache } = queryPass(p, config, keys, modeOf(options, 'query'));
  if (options.ablation?.unmasked?.includes('itc')) {
    const { queries, text } = jointPass(p, config, { ids, mask, features: keys }, modeOf(options, 'joint'));
    return { keys, cache, image: imageFeatures(p, queries), text: textFeatures(p, text) };
  }
  const text = textPass(p, config, { ids, mask }, modeOf(options, 'text'));
  return { keys, cache, image: imageFeatures(p, output), text: textFeatures(p, text) };
}

/** Encodes the batch's additional negative texts, [K,E]; undefined where it has none. */
function encodeNegatives(
  p: Stage1Params,
  config: QFormerConfig,
  { negativeIds: ids, negativeMask: mask }: Stage1Batch,
  options: Stage1Options,
): tf.Tensor2D | undefined {
  if (!ids || !mask) return undefined;
  return textFeatures(p, textPass(p, config, { ids, mask }, modeOf(options, 'negative text')));
}

/** What ITC compares. */
interface ContrastedPairs extends Pick<EncodedPairs, 'image' | 'text'>, Pick<Stage1Batch, 'imageIds'> {
  /** Features of additional negative texts, [K,E]. */
  readonly negatives?: tf.Tensor2D | undefined;
}

/** Computes ITC, in which all texts of an image are positives. */
export const contrastPairs = (
  { image, text, imageIds, negatives }: ContrastedPairs,
  temperature: tf.Scalar,
  { smoothing }: Pick<Stage1Options, 'smoothing'>,
): Contrastive =>
  itc(
    { imageFeatures: image, textFeatures: text, temperature },
    { smoothing, imageIds: { batch: imageIds }, negativeTexts: negatives },
  );

/** Draws a hard negative image for each text, and a text for each image; in an ablation random ones. */
export function drawNegatives(
  { simT2I, simI2T }: Contrastive,
  imageIds: tf.Tensor1D,
  { seed, ablation }: Pick<Stage1Options, 'seed' | 'ablation'>,
) {
  const exclude = { rows: imageIds, columns: imageIds };
  // of equal similarities each candidate is drawn with the same probability
  const by = (sim: tf.Tensor2D): tf.Tensor2D => (ablation?.negatives === 'random' ? tf.zeros(sim.shape) : sim);
  return tf.tidy(() => ({
    image: hardNegatives(by(simT2I), { seed: hash(seed, 'negative picture'), exclude }),
    text: hardNegatives(by(simI2T), { seed: hash(seed, 'negative text'), exclude }),
  }));
}

/** Computes ITG. */
export function captionLoss(
  p: Stage1Params,
  config: QFormerConfig,
  { ids, mask, cache }: TextInputs & Pick<EncodedPairs, 'cache'>,
  options: Stage1Options,
): tf.Scalar {
  const { smoothing, decoderStart, pad, ablation } = options;
  const decoderIds = captionIds(ids, decoderStart);
  const causal = !ablation?.unmasked?.includes('itg');
  const hidden = captionPass(p, config, { ids: decoderIds, mask, cache }, { ...modeOf(options, 'caption'), causal });
  return itg(itgLogits(p, config, hidden), decoderIds, { smoothing, pad });
}

/** Computes ITM of the rows that `matchRows` gives. */
export const matchLoss = (
  p: Stage1Params,
  config: QFormerConfig,
  rows: MatchInput,
  options: Pick<Stage1Options, 'seed' | 'recompute'>,
): tf.Scalar => itm(itmLogits(p, matchPass(p, config, rows, modeOf(options, 'match')).output));

const modeOf = ({ seed, recompute = false }: Pick<Stage1Options, 'seed' | 'recompute'>, pass: string) => ({
  training: true,
  seed: hash(seed, pass),
  recompute,
});
