import { itc, itg, itm } from '@blip2/losses';
import {
  captionIds,
  captionPass,
  imageFeatures,
  itgLogits,
  itmLogits,
  matchPass,
  matchRows,
  type QFormer,
  type QFormerConfig,
  queryPass,
  textFeatures,
  textPass,
} from '@blip2/qformer';
import type { LossTerms } from '@blip2/tensor';
import * as tf from '@tensorflow/tfjs';
import type { Batch } from './batch.js';

export type Forward = ReturnType<typeof forward>;

/** The four passes and what comes of them. */
export function forward(p: QFormer, config: QFormerConfig, batch: Batch) {
  const { features, ids, mask, negatives, smoothing } = batch;
  const query = queryPass(p, config, features);
  const text = textPass(p, config, { ids, mask });
  const image = imageFeatures(p, query.output);
  const words = textFeatures(p, text);
  const inputs = { imageFeatures: image, textFeatures: words, temperature: p.temp as tf.Scalar };
  const contrast = itc(inputs, { smoothing: smoothing.itc, gather: 'full' });
  const matched = itmLogits(p, matchPass(p, config, { ...matchRows({ ids, mask }, negatives), features }).output);
  const decoder = captionIds(ids, batch.start);
  const caption = itgLogits(p, config, captionPass(p, config, { ids: decoder, mask, cache: query.cache }));
  return { query: query.output, text, image, words, contrast, matched, decoder, caption };
}

export function losses(p: QFormer, config: QFormerConfig, batch: Batch): LossTerms {
  const made = forward(p, config, batch);
  const { pad, smoothing } = batch;
  const own = {
    itc: made.contrast.loss,
    itm: itm(made.matched),
    itg: itg(made.caption, made.decoder, { pad, smoothing: smoothing.itg }),
  };
  return { ...own, total: tf.addN(Object.values(own)) };
}
