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

/** Images and what is said of them. */
export interface Stage1Batch extends TextInputs {
  /** [B,N,D] of the frozen image encoder. */
  readonly features: tf.Tensor3D;
  /** int32 [B]: equal where two pairs show and say the same, so that neither is the other's negative. */
  readonly imageIds: tf.Tensor1D;
}

export interface Stage1Options {
  readonly seed: number;
  /** The layers run again for their gradients, which takes less memory and more time. Default false. */
  readonly recompute?: boolean;
  /** Label smoothing of ITC and ITG. */
  readonly smoothing: number;
  /** The id of [DEC], with which the decoder starts. */
  readonly decoderStart: number;
  /** The id of [PAD]. */
  readonly pad: number;
}

/** Representation learning: ITC, ITM and ITG at once, each with its own mask (BLIP-2, section 3.1). */
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
  // Last, and so first on the way back: it holds the most, which is freed before all gradients are there.
  const matched = matchPass(p, config, { ...rows, features }, mode('match'));
  const terms = { itc: contrast.loss, itm: itm(itmLogits(p, matched.output)), itg: captioning };
  return { total: tf.addN(Object.values(terms)) as tf.Scalar, ...terms };
}
