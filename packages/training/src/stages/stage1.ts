import { hardNegatives, itc, itg, itm } from '@blip2/losses';
import {
  captionIds,
  captionPass,
  imageFeatures,
  itgLogits,
  itmLogits,
  matchPass,
  matchRows,
  type QFormerConfig,
  queryPass,
  type TextInputs,
  textFeatures,
  textPass,
} from '@blip2/qformer';
import { hash } from '@blip2/tensor';
import * as tf from '@tensorflow/tfjs';
import type { Stage1Params } from './specs.js';
import { keyValues } from './vision-norm.js';

/** A batch of image-text pairs; the names of its tensors are those that `collateStage1` gives. */
export interface Stage1Batch extends TextInputs {
  /** Features of the frozen image encoder, [B,N,D]. */
  readonly features: tf.Tensor3D;
  /** int32 [B]: equal for pairs of the same image, which are then not negatives of each other. */
  readonly imageIds: tf.Tensor1D;
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
}

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
): Record<'total' | 'itc' | 'itm' | 'itg', tf.Scalar> {
  const { seed, recompute = false, smoothing, decoderStart, pad } = options;
  const { ids, mask, imageIds } = batch;
  const mode = (pass: string) => ({ training: true, seed: hash(seed, pass), recompute });
  const features = keyValues(p, config, batch.features);
  const { output, cache } = queryPass(p, config, features, mode('query'));
  const text = textPass(p, config, { ids, mask }, mode('text'));
  const contrast = itc(
    {
      imageFeatures: imageFeatures(p, output),
      textFeatures: textFeatures(p, text),
      temperature: p.temp as tf.Scalar,
    },
    { smoothing, imageIds: { batch: imageIds } },
  );
  const decoderIds = captionIds(ids, decoderStart);
  const hidden = captionPass(p, config, { ids: decoderIds, mask, cache }, mode('caption'));
  const captioning = itg(itgLogits(p, config, hidden), decoderIds, { smoothing, pad });
  const exclude = { rows: imageIds, columns: imageIds };
  const rows = matchRows(
    { ids, mask },
    {
      image: hardNegatives(contrast.simT2I, { seed: hash(seed, 'negative picture'), exclude }),
      text: hardNegatives(contrast.simI2T, { seed: hash(seed, 'negative text'), exclude }),
    },
  );
  // Last, and so first in the backward pass: its activations are the largest, and are freed before all gradients are there.
  const matched = matchPass(p, config, { ...rows, features }, mode('match'));
  const terms = { itc: contrast.loss, itm: itm(itmLogits(p, matched.output)), itg: captioning };
  return { total: tf.addN(Object.values(terms)) as tf.Scalar, ...terms };
}
